import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openCluster } from './cluster.ts'
import { kinds } from './resources.ts'

test('the time is that of the API server, whatever this machine takes it for', async () => {
  const ahead = 3_600_000
  const server = createServer((_, response) => {
    response.setHeader('date', new Date(Date.now() + ahead).toUTCString())
    response.end('{"metadata":{"name":"x"}}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const folder = await mkdtemp(join(tmpdir(), 'kmm-clock-'))
  onTestFinished(async () => {
    server.close()
    await rm(folder, { recursive: true, force: true })
  })
  const { port } = server.address() as AddressInfo
  const kubeconfig = join(folder, 'kubeconfig')
  await writeFile(
    kubeconfig,
    JSON.stringify({
      clusters: [
        { name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } },
      ],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'c',
    }),
  )
  const cluster = openCluster({ kubeconfig })
  expect(cluster.now()).toBeLessThan(Date.now() + ahead / 2)
  await cluster.get(kinds.nodes, { name: 'x' })
  expect(cluster.now()).toBeGreaterThan(Date.now() + ahead / 2)
})
