import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createKube } from '../activities/kube/client.ts'
import { leases } from '../activities/kube/resources.ts'
import { freePorts } from '../lab/ports.ts'
import { grantOperators } from '../worker/preconditions/testing/grantOperators.ts'

/** An operator process on this API server; nothing listens where its Temporal would be. */
async function startOperator() {
  const [probes = 0, temporal = 0] = await freePorts(2)
  const folder = mkdtempSync(join(tmpdir(), 'kmm-operator-'))
  const config = join(folder, 'config.yaml')
  writeFileSync(
    config,
    JSON.stringify({
      healthProbeBindAddress: `127.0.0.1:${probes}`,
      metrics: { bindAddress: '0' },
      temporal: { address: `127.0.0.1:${temporal}` },
    }),
  )
  const operator = spawn(
    process.execPath,
    [
      join(import.meta.dirname, '../worker/main.ts'),
      '--config',
      config,
      '--kubeconfig',
      inject('kubeconfig'),
    ],
    {
      env: { ...process.env, OPERATOR_NAMESPACE: 'default', RELATED_IMAGE_WORKER: 'reg.example/kmm:1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let log = ''
  operator.stdout.on('data', (chunk: Buffer) => void (log += chunk.toString()))
  onTestFinished(async () => {
    if (operator.exitCode === null && operator.kill('SIGKILL')) await once(operator, 'exit')
    rmSync(folder, { recursive: true, force: true })
  })
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${probes}${path}`)
    return `${answer.status} ${await answer.text()}`
  }
  const stop = async () => {
    const exited = once(operator, 'exit')
    operator.kill('SIGTERM')
    return (await exited)[0] as number | null
  }
  return { log: () => log, get: (path: string) => get(path).catch(String), stop }
}

test('while another operator is in charge it stays up, is not ready, and touches neither Lease nor Temporal', async () => {
  const kube = createKube(inject('kubeconfig'))
  const ref = { namespace: 'kube-public', name: 'kmm.sigs.x-k8s.io' }
  await grantOperators(kube, 'operator-process', [ref.namespace])
  const spec = { holderIdentity: 'kmm-controller_0b7c', leaseDurationSeconds: 15 }
  await kube.create(leases, { apiVersion: leases.apiVersion, kind: leases.kind, metadata: ref, spec })
  const renewing = setInterval(() => {
    const renewTime = new Date().toISOString().replace('Z', '000Z')
    void kube.patch(leases, ref, { spec: { renewTime } })
  }, 200)
  onTestFinished(async () => {
    clearInterval(renewing)
    const lease = await kube.get(leases, ref)
    if (lease !== undefined) await kube.delete(leases, ref, { uid: lease.metadata.uid })
    await kube.close()
  })
  const operator = await startOperator()
  await expect
    .poll(() => operator.get('/readyz'))
    .toMatch(
      /^503 Preconditions: Other operators: another operator .*"kmm-controller_0b7c", of the form that KMM uses/,
    )
  expect(await operator.get('/healthz')).toBe('200 ok\n')
  expect(await kube.get(leases, { ...ref, namespace: 'default' })).toBeUndefined()
  expect(operator.log().match(/another operator manages the modules/g)).toHaveLength(1)
  expect(operator.log()).not.toContain('temporal.address')
  expect(await operator.stop()).toBe(0)
})

test('alone in the cluster it goes on to Temporal', async () => {
  const operator = await startOperator()
  await expect
    .poll(() => operator.get('/readyz'))
    .toMatch(/^503 Temporal: no connection to 127\.0\.0\.1:\d+ \(temporal\.address\): connection refused/)
  expect(await operator.stop()).toBe(0)
})
