import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runOrThrow } from '../programs/exec.ts'
import { guestFiles, type GuestNode, packConfiguration, writeConfiguration } from './configuration.ts'

const node: GuestNode = {
  name: 'vm-1',
  address: '10.200.0.3',
  kubeletPort: 10_250,
  dns: '10.200.0.1',
  podNetwork: '10.200.2.0/24',
  labels: { 'kmm-temporal.lab/role': 'load', zone: 'a' },
  pauseImage: '10.200.0.1:5000/kmm-lab/pause:1',
  kubeconfig: 'KUBECONFIG',
  authority: 'PEM',
  registries: new Map([
    ['10.200.0.1:5000', {}],
    ['10.200.0.1:5001', { authority: 'OTHER PEM' }],
  ]),
}

it('gives the kubelet its name, address and labels', () => {
  expect(guestFiles(node)['kubelet.args']?.split('\n')).toEqual([
    '--config=/run/kmm/kubelet.json',
    '--kubeconfig=/run/kmm/kubelet.kubeconfig',
    '--hostname-override=vm-1',
    '--node-ip=10.200.0.3',
    '--node-labels=kmm-temporal.lab/role=load,zone=a',
    '',
  ])
  expect(JSON.parse(guestFiles(node)['kubelet.json'] ?? '')).toMatchObject({ port: 10_250 })
  expect(guestFiles(node)['containerd.toml']).toContain('sandbox_image = "10.200.0.1:5000/kmm-lab/pause:1"')
})

it('knows all registries', () => {
  expect(Object.keys(guestFiles(node)).filter((path) => path.startsWith('certs.d/'))).toEqual([
    'certs.d/10.200.0.1:5000/hosts.toml',
    'certs.d/10.200.0.1:5001/hosts.toml',
    'certs.d/10.200.0.1:5001/ca.crt',
  ])
})

it('packs a drive of constant size that only its owner reads', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kmm-configuration-'))
  try {
    const tree = join(dir, 'tree')
    const drive = join(dir, 'drive.tar')
    writeConfiguration(node, tree)
    expect(statSync(tree).mode & 0o777).toBe(0o700)
    expect(statSync(join(tree, 'kubelet.kubeconfig')).mode & 0o777).toBe(0o600)
    await packConfiguration(tree, drive)
    expect(statSync(drive)).toMatchObject({ size: 1024 * 1024 })
    expect(statSync(drive).mode & 0o777).toBe(0o600)
    const kubeconfig = await runOrThrow(['tar', '-xOf', drive, './kubelet.kubeconfig'])
    expect(kubeconfig).toBe('KUBECONFIG')
    expect(readFileSync(join(tree, 'hostname'), 'utf8')).toBe('vm-1\n')
  } finally {
    rmSync(dir, { recursive: true })
  }
})
