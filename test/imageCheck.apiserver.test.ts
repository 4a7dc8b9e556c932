import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { checkImage } from '../activities/registry/checkImage.ts'
import type { Credentials } from '../activities/registry/credentials.ts'
import { registryLogin } from '../lab/registry.ts'
import { openTestFolder } from '../lab/testFolder.ts'
import { startPrivateRegistry, type RegistryTraits } from './support/privateRegistry.ts'
import { pushTestImage } from './support/pushTestImage.ts'

const folder = openTestFolder('image-check')
afterAll(() => folder.close())

async function start(traits: RegistryTraits) {
  return await startPrivateRegistry(folder, '127.0.0.1', traits)
}

const image = { repository: 'a/b', tag: '1', architectures: ['arm64'] }
const secure = { insecure: false, insecureSkipTLSVerify: false }

test('plain HTTP: present by tag and by digest, absent otherwise', async () => {
  const registry = await start({ name: 'plain' })
  const { host } = registry
  const digest = await pushTestImage(registry, image)
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

test('an index: its own digest, the architectures of its images', async () => {
  const registry = await start({ name: 'index' })
  const digest = await pushTestImage(registry, { ...image, architectures: ['arm64', 'amd64'] })
  const options = { ...secure, insecure: true, architectures: true }
  const present = { kind: 'present', digest, architectures: ['amd64', 'arm64'] }
  expect(await checkImage(`${registry.host}/a/b:1`, options)).toEqual(present)
})

test('with login: the right one only', async () => {
  const registry = await start({ name: 'login', login: true })
  const { host } = registry
  const digest = await pushTestImage(registry, image)
  const { username, password } = registryLogin
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
  const registry = await start({ name: 'tls', tls: true })
  const { host, authorityFile = '' } = registry
  const digest = await pushTestImage(registry, image)
  const present = { kind: 'present', digest }
  const ca = readFileSync(authorityFile, 'utf8')
  expect(await checkImage(`${host}/a/b:1`, { ...secure, ca })).toEqual(present)
  expect(await checkImage(`${host}/a/b:1`, { ...secure, insecureSkipTLSVerify: true })).toEqual(present)
  // Leave to use plain HTTP is no leave to skip the check of a certificate.
  for (const insecure of [false, true])
    expect(await checkImage(`${host}/a/b:1`, { ...secure, insecure })).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/certificate is not trusted.*registryTLS.insecureSkipTLSVerify/),
    })
})
