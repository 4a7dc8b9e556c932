import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { serveHealth, type ReadinessCheck } from './health.ts'

const faults: Record<string, string | undefined> = {}
let server: Server
afterEach(() => {
  for (const name of Object.keys(faults)) delete faults[name]
  server.close()
})

async function get(path: string, address = '127.0.0.1:0'): Promise<[number, string]> {
  const checks = { 'API server': () => faults['API server'], Temporal: () => faults['Temporal'] }
  server = await serveHealth(address, checks)
  const { port } = server.address() as AddressInfo
  const answer = await fetch(`http://127.0.0.1:${port}${path}`)
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
  server = await serveHealth('127.0.0.1:0', checks, 50)
  const { port } = server.address() as AddressInfo
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`)
  expect(answer.status).toBe(503)
  expect(await answer.text()).toBe('API server: refused\nTemporal: no answer within 50 ms\n')
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

test('a port that is taken is an error', async () => {
  await get('/healthz')
  const { port } = server.address() as AddressInfo
  await expect(serveHealth(`127.0.0.1:${port}`, {})).rejects.toThrow('EADDRINUSE')
})
