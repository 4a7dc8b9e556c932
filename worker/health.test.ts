import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { createHealth, type Health, type ReadinessCheck } from './health.ts'

const faults: Record<string, string | undefined> = {}
let server: Health
beforeEach(() => {
  server = createHealth()
})
afterEach(() => {
  for (const name of Object.keys(faults)) delete faults[name]
  server.close()
})

async function get(path: string, address = '127.0.0.1:0'): Promise<[number, string]> {
  const checks = { 'API server': () => faults['API server'], Temporal: () => faults['Temporal'] }
  server.setChecks(checks)
  await server.listen(address)
  return await ask(path)
}
async function ask(path: string): Promise<[number, string]> {
  const answer = await fetch(`http://127.0.0.1:${server.port()}${path}`)
  return [answer.status, await answer.text()]
}

test('ready when nothing is missing', async () => {
  expect(await get('/readyz')).toEqual([200, 'ok\n'])
})

test('not ready: everything that is missing is named', async () => {
  faults['API server'] = 'no lists'
  faults['Temporal'] = 'no connection'
  expect(await get('/readyz')).toEqual([503, 'API server: no lists\nTemporal: no connection\n'])
})

test('not ready while something throws or does not answer', async () => {
  const checks: Record<string, ReadinessCheck> = {
    'API server': async () => {
      throw new Error('refused')
    },
    Temporal: () => new Promise(() => undefined),
  }
  server = createHealth(50)
  server.setChecks(checks)
  await server.listen('127.0.0.1:0')
  expect(await ask('/readyz')).toEqual([503, 'API server: refused\nTemporal: no answer within 50 ms\n'])
})

test('alive whatever is missing', async () => {
  faults['Temporal'] = 'no connection'
  expect(await get('/healthz')).toEqual([200, 'ok\n'])
})

test('deploy asks for life and readiness where they are told', async () => {
  interface Workload {
    kind: string
    spec: { template: { spec: { containers: Record<string, { httpGet: { path: string } }>[] } } }
  }
  const documents = parseAllDocuments(readFileSync('deploy/kustomize/manager.yaml', 'utf8'))
  const objects = documents.map((document) => document.toJS() as Workload)
  const deployment = objects.find(({ kind }) => kind === 'Deployment')
  const [container] = deployment?.spec.template.spec.containers ?? []
  faults['API server'] = 'no lists'
  expect((await get(container?.['livenessProbe']?.httpGet.path ?? ''))[0]).toBe(200)
  server.close()
  expect((await get(container?.['readinessProbe']?.httpGet.path ?? ''))[0]).toBe(503)
})

test('nothing else is served', async () => {
  expect(await get('/metrics')).toEqual([404, ''])
})

test('an address without host is every interface', async () => {
  expect(await get('/healthz', ':0')).toEqual([200, 'ok\n'])
})

test('not ready before anything is asked', async () => {
  await server.listen('127.0.0.1:0')
  expect(await ask('/readyz')).toEqual([503, 'operator: it is starting\n'])
})

test('notes do not decide, and stand below what does', async () => {
  server.setNotes(['configuration: maxParallel is wrong'])
  expect(await get('/readyz')).toEqual([200, 'ok\nconfiguration: maxParallel is wrong\n'])
  faults['Temporal'] = 'no connection'
  expect(await ask('/readyz')).toEqual([
    503,
    'Temporal: no connection\nconfiguration: maxParallel is wrong\n',
  ])
  server.setNotes([])
  expect(await ask('/readyz')).toEqual([503, 'Temporal: no connection\n'])
})

test('a port that is taken is an error, and the one that was served stays', async () => {
  await get('/healthz')
  const other = createHealth()
  await other.listen('127.0.0.1:0')
  await expect(other.listen(`127.0.0.1:${server.port()}`)).rejects.toThrow('EADDRINUSE')
  expect((await fetch(`http://127.0.0.1:${other.port()}/healthz`)).status).toBe(200)
  other.close()
})

test('another address takes the place of the one before', async () => {
  await get('/healthz')
  const before = server.port()
  await server.listen('localhost:0')
  expect(server.port()).not.toBe(before)
  expect(await ask('/healthz')).toEqual([200, 'ok\n'])
  await expect(fetch(`http://127.0.0.1:${before}/healthz`)).rejects.toThrow('fetch failed')
})
