import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { afterAll, expect, test } from 'vitest'
import { checkImage } from '../activities/registry/checkImage.ts'
import type { Credentials } from '../activities/registry/credentials.ts'
import { openAuthority } from '../lab/certificates.ts'
import { freePorts } from '../lab/ports.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { registryLogin, startRegistry } from '../lab/registry.ts'
import { openTestFolder } from '../lab/testFolder.ts'

const folder = openTestFolder('image-check')
const programs = ensurePrograms(['docker-registry'])
afterAll(() => folder.close())

async function start(name: string, more: Partial<Parameters<typeof startRegistry>[0]> = {}) {
  const [port = 0] = await freePorts(1)
  const { supervisor } = folder
  const at = { dir: join(folder.dir, name), name, supervisor, programs, address: '127.0.0.1', port }
  return (await startRegistry({ ...at, ...more })).host
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

const config = JSON.stringify({
  architecture: 'arm64',
  os: 'linux',
  rootfs: { type: 'layers', diff_ids: [] },
})
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: digestOf(config),
    size: config.length,
  },
  layers: [],
})
const digest = digestOf(manifest)

/** Puts an image without layers at `a/b:1`. */
async function push(registry: string, options: { authorization?: string; dispatcher?: Agent } = {}) {
  const { authorization, dispatcher } = options
  const send = async (method: 'POST' | 'PUT', url: string, type: string, body: string) => {
    const answer = await request(new URL(url, registry), {
      method,
      body,
      headers: { 'content-type': type, ...(authorization === undefined ? {} : { authorization }) },
      ...(dispatcher === undefined ? {} : { dispatcher }),
    })
    await answer.body.dump()
    expect([201, 202]).toContain(answer.statusCode)
    return String(answer.headers['location'])
  }
  const upload = new URL(await send('POST', '/v2/a/b/blobs/uploads/', 'text/plain', ''), registry)
  upload.searchParams.set('digest', digestOf(config))
  await send('PUT', upload.href, 'application/octet-stream', config)
  await send('PUT', '/v2/a/b/manifests/1', 'application/vnd.oci.image.manifest.v1+json', manifest)
}

const secure = { insecure: false, insecureSkipTLSVerify: false }

test('plain HTTP: present by tag and by digest, absent otherwise', async () => {
  const host = await start('plain')
  await push(`http://${host}`)
  const options = { ...secure, insecure: true }
  const present = { kind: 'present', digest }
  expect(await checkImage(`${host}/a/b:1`, options)).toEqual(present)
  expect(await checkImage(`${host}/a/b@${digest}`, options)).toEqual(present)
  const architectures = ['arm64']
  expect(await checkImage(`${host}/a/b:1`, { ...options, architectures: true })).toEqual({
    ...present,
    architectures,
  })
  expect(await checkImage(`${host}/a/b:2`, options)).toEqual({ kind: 'absent' })
  expect(await checkImage(`${host}/never/seen:1`, options)).toEqual({ kind: 'absent' })
  expect(await checkImage(`${host}/a/b:1`, secure)).toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('registryTLS.insecure'),
  })
})

test('with login: the right one only', async () => {
  const host = await start('login', { login: true })
  const { username, password } = registryLogin
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  await push(`http://${host}`, { authorization })
  const options = { ...secure, insecure: true }
  const right: Credentials = { kind: 'password', username, password }
  expect(await checkImage(`${host}/a/b:1`, { ...options, credentials: right })).toEqual({
    kind: 'present',
    digest,
  })
  expect(await checkImage(`${host}/a/b:2`, { ...options, credentials: right })).toEqual({ kind: 'absent' })
  const wrong = { ...options, credentials: { ...right, password: 'wrong' } }
  for (const refused of [options, wrong])
    expect(await checkImage(`${host}/a/b:1`, refused)).toMatchObject({ kind: 'unauthorised' })
})

test('with TLS of an authority of its own: by trusting it, or by not verifying', async () => {
  const authority = await openAuthority(join(folder.dir, 'pki'))
  const tls = await authority.issue({ name: 'registry', commonName: 'registry', hosts: ['127.0.0.1'] })
  const host = await start('tls', { tls })
  const ca = readFileSync(authority.certFile, 'utf8')
  const dispatcher = new Agent({ connect: { ca } })
  await push(`https://${host}`, { dispatcher })
  await dispatcher.close()
  const present = { kind: 'present', digest }
  expect(await checkImage(`${host}/a/b:1`, { ...secure, ca })).toEqual(present)
  expect(await checkImage(`${host}/a/b:1`, { ...secure, insecureSkipTLSVerify: true })).toEqual(present)
  // Leave to use plain HTTP is no leave to skip the check of a certificate.
  for (const insecure of [false, true])
    expect(await checkImage(`${host}/a/b:1`, { ...secure, insecure })).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/certificate is not trusted.*registryTLS.insecureSkipTLSVerify/),
    })
})
