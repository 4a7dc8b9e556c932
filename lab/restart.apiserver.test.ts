import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { openTestFolder } from './testFolder.ts'
import { startControlPlane } from './controlPlane.ts'
import { freePorts } from './ports.ts'
import { ensurePrograms } from './programs/ensure.ts'
import { createSupervisor } from './supervisor.ts'

const folder = openTestFolder('restart')
afterAll(() => folder.close())

const clientOf = (kubeconfig: string) => {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  return config.makeApiClient(CoreV1Api)
}

test('a control plane resumes its data, certificates and token, and has an audit log when asked', async () => {
  const { dir } = folder
  const [port = 0] = await freePorts(1)
  const start = (supervisor = folder.supervisor, audit: { audit?: 'everybody' } = {}) =>
    startControlPlane({
      dir,
      supervisor,
      programs: ensurePrograms(['etcd', 'kube-apiserver']),
      address: '127.0.0.1',
      port,
      components: 'apiserver',
      ...audit,
    })
  const first = createSupervisor({ dir, onDeath: (error) => console.error(error.message) })
  const before = await start(first)
  const body = { metadata: { name: 'kept' }, data: { a: '1' } }
  await clientOf(before.kubeconfig).createNamespacedConfigMap({ namespace: 'default', body })
  const kubeconfig = readFileSync(before.kubeconfig, 'utf8')
  await first.stop()

  const after = await start(folder.supervisor, { audit: 'everybody' })
  expect(readFileSync(after.kubeconfig, 'utf8')).toBe(kubeconfig)
  const core = clientOf(after.kubeconfig)
  expect((await core.readNamespacedConfigMap({ namespace: 'default', name: 'kept' })).data).toEqual({
    a: '1',
  })
  expect(readFileSync(after.auditLog ?? '', 'utf8')).toContain('"name":"kept"')

  await after.apiserver.restart()
  expect((await core.readNamespacedConfigMap({ namespace: 'default', name: 'kept' })).data).toEqual({
    a: '1',
  })
}, 120_000)
