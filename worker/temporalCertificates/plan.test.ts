import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { planAuthority, planClient, planServer } from './plan.ts'

const day = 24 * 60 * 60 * 1000
const start = new Date('2026-03-01T00:00:00Z')
const after = (days: number) => new Date(start.getTime() + days * day)
const hosts = ['kmm-operator-temporal', 'localhost']

const authority = planAuthority(undefined, start)
const server = planServer(authority, undefined, hosts, start)
const client = planClient(authority, undefined, start)

test('what is good stays as it is', () => {
  expect(planAuthority(authority, after(1))).toEqual(authority)
  expect(planServer(authority, server, hosts, after(1))).toEqual(server)
  expect(planClient(authority, client, after(1))).toEqual(client)
})

test('leaves are of the authority, and come with it', () => {
  for (const { cert, ca } of [server, client]) {
    expect(new X509Certificate(cert).checkIssued(new X509Certificate(authority.cert))).toBe(true)
    expect(ca).toBe(authority.ca)
  }
})

test('a leaf is renewed after two thirds of its 90 days', () => {
  expect(planClient(authority, client, after(59)).cert).toBe(client.cert)
  expect(planClient(authority, client, after(61)).cert).not.toBe(client.cert)
})

test('a server certificate without a name that it needs is renewed', () => {
  const renewed = planServer(authority, server, [...hosts, 'other'], start)
  expect(new X509Certificate(renewed.cert).checkHost('other')).toBe('other')
})

test('a new authority is followed by new leaves, and the former one is trusted until it ends', () => {
  const renewed = planAuthority(authority, after(2500))
  expect(renewed.cert).not.toBe(authority.cert)
  expect(renewed.ca).toBe(renewed.cert + authority.cert)
  const current = planClient(authority, client, after(2499))
  const followed = planClient(renewed, current, after(2500))
  expect(new X509Certificate(followed.cert).verify(new X509Certificate(renewed.cert).publicKey)).toBe(true)
  expect(followed.ca).toBe(renewed.ca)
  expect(planAuthority(renewed, after(2600))).toEqual(renewed)
  const third = planAuthority(renewed, after(5000))
  expect(third.ca).toBe(third.cert + renewed.cert)
})

test('what is damaged or does not fit is made anew', () => {
  const nonsense = { cert: 'x', key: 'y', ca: 'z' }
  expect(new X509Certificate(planAuthority(nonsense, start).cert).ca).toBe(true)
  expect(planAuthority({ ...authority, key: client.key }, start).cert).not.toBe(authority.cert)
  expect(planClient(authority, { ...client, key: server.key }, start).cert).not.toBe(client.cert)
  expect(planClient(planAuthority(undefined, start), client, start).cert).not.toBe(client.cert)
})
