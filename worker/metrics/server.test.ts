import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import { afterAll, afterEach, expect, test } from 'vitest'
import type { Access } from './access.ts'
import { serveMetrics } from './server.ts'

const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
afterAll(async () => await dispatcher.close())
let server: Server
afterEach(() => void server.close())

const warned: string[] = []
async function get(
  path: string,
  settings: { secureServing: boolean; enableAuthnAuthz: boolean },
  access: () => Promise<Access> = async () => 200,
) {
  const page = { contentType: 'text/plain; version=0.0.4', text: async () => 'kmm_module_num 1\n' }
  const log = { warn: (_fields: unknown, text?: string) => void warned.push(text ?? '') }
  server = await serveMetrics({ settings: { bindAddress: '127.0.0.1:0', ...settings }, page, access, log })
  const { port } = server.address() as AddressInfo
  const scheme = settings.secureServing ? 'https' : 'http'
  const { statusCode, headers, body } = await request(`${scheme}://127.0.0.1:${port}${path}`, { dispatcher })
  return [statusCode, headers['content-type'], await body.text()]
}
const open = { secureServing: false, enableAuthnAuthz: false }
const found = [200, 'text/plain; version=0.0.4', 'kmm_module_num 1\n']

test('over plain HTTP to everybody', async () => {
  expect(await get('/metrics', open, async () => 403)).toEqual(found)
})
test('over TLS to those who may', async () => {
  expect(await get('/metrics', { secureServing: true, enableAuthnAuthz: true })).toEqual(found)
})
test.each([401, 403] as const)('nothing but %i to those who may not', async (status) => {
  const answer = await get('/metrics', { ...open, enableAuthnAuthz: true }, async () => status)
  expect(answer).toEqual([status, undefined, ''])
})
test('no answer of the API server is an error, and in the log', async () => {
  const answer = await get('/metrics', { ...open, enableAuthnAuthz: true }, async () => {
    throw new Error('away')
  })
  expect(answer).toEqual([500, undefined, ''])
  expect(warned).toEqual(['could not answer a request for metrics'])
})
test('nothing else is served', async () => {
  expect(await get('/', open)).toEqual([404, undefined, ''])
})
