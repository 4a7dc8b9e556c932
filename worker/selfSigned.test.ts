import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { selfSigned } from './selfSigned.ts'

test('a certificate that OpenSSL reads and that its own key has signed', () => {
  const at = new Date('2026-03-01T12:00:00.500Z')
  const certificate = new X509Certificate(selfSigned('kmm metrics', at).cert)
  expect(certificate.subject).toBe('CN=kmm metrics')
  expect(certificate.issuer).toBe('CN=kmm metrics')
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect([certificate.validFromDate, certificate.validToDate]).toEqual([
    new Date('2026-03-01T12:00:00Z'),
    new Date('2036-03-01T12:00:00Z'),
  ])
})

test('so is one that outlives 2049', () => {
  const { cert } = selfSigned('x', new Date('2045-03-01T12:00:00Z'))
  expect(new X509Certificate(cert).validToDate).toEqual(new Date('2055-03-01T12:00:00Z'))
})

test('each has a key of its own', () => {
  expect(selfSigned('a').key).not.toBe(selfSigned('a').key)
})

test('a server serves with it', async () => {
  const server = createServer(selfSigned('x'), (_request, response) => response.end('secret'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
  onTestFinished(async () => {
    await dispatcher.close()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const { body } = await request(`https://127.0.0.1:${port}`, { dispatcher })
  expect(await body.text()).toBe('secret')
})
