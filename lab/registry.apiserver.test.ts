import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { afterAll, expect, test } from 'vitest'
import { openTestFolder } from './testFolder.ts'
import { openAuthority } from './certificates.ts'
import { freePorts } from './ports.ts'
import { ensurePrograms } from './programs/ensure.ts'
import { registryLogin, startRegistry } from './registry.ts'

const folder = openTestFolder('registry')
const programs = ensurePrograms(['docker-registry'])
afterAll(() => folder.close())

const start = async (name: string, more: Partial<Parameters<typeof startRegistry>[0]> = {}) => {
  const [port = 0] = await freePorts(1)
  const dir = join(folder.dir, name)
  return await startRegistry({
    dir,
    name,
    supervisor: folder.supervisor,
    programs,
    address: '127.0.0.1',
    port,
    ...more,
  })
}
const statusOf = async (url: string, options: Parameters<typeof request>[1] = {}) => {
  const { statusCode, body } = await request(url, options)
  await body.dump()
  return statusCode
}

test('plain HTTP without login; manifests may be deleted', async () => {
  const { host } = await start('open')
  expect(await statusOf(`http://${host}/v2/`)).toBe(200)
  const unknown = `http://${host}/v2/a/manifests/sha256:${'0'.repeat(64)}`
  // A registry without deletion answers 405.
  expect(await statusOf(unknown, { method: 'DELETE' })).toBe(404)
})

test('with login: only its account gets in', async () => {
  const { host } = await start('login', { login: true })
  const authorization = (password: string) =>
    `Basic ${Buffer.from(`${registryLogin.username}:${password}`).toString('base64')}`
  expect(await statusOf(`http://${host}/v2/`)).toBe(401)
  expect(await statusOf(`http://${host}/v2/`, { headers: { authorization: authorization('wrong') } })).toBe(
    401,
  )
  const right = authorization(registryLogin.password)
  expect(await statusOf(`http://${host}/v2/`, { headers: { authorization: right } })).toBe(200)
})

test('with TLS: trusted through its authority only', async () => {
  const authority = await openAuthority(join(folder.dir, 'pki'))
  const tls = await authority.issue({
    name: 'registry',
    commonName: 'registry',
    hosts: ['127.0.0.1', 'localhost'],
  })
  const { host } = await start('tls', { tls })
  const dispatcher = new Agent({ connect: { ca: readFileSync(authority.certFile, 'utf8') } })
  expect(await statusOf(`https://${host}/v2/`, { dispatcher })).toBe(200)
  await expect(statusOf(`https://${host}/v2/`)).rejects.toMatchObject({
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  })
  await dispatcher.close()
})
