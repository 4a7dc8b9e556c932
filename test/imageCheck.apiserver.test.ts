import { readFileSync } from 'node:fs'
import { afterAll, expect, inject, onTestFinished, test } from 'vitest'
import { createKube } from '../activities/kube/client.ts'
import { namespaces } from '../activities/kube/resources.ts'
import { checkImage } from '../activities/registry/checkImage.ts'
import type { Credentials } from '../activities/registry/credentials.ts'
import { readLogins } from '../activities/registry/logins.ts'
import { onThisMachine } from '../activities/registry/testing/scriptedRegistry.ts'
import { parseImageReference } from '../api/imageReference.ts'
import { registryLogin } from '../lab/registry.ts'
import { openTestFolder } from '../lab/testFolder.ts'
import { registrySecret, startPrivateRegistry, type RegistryTraits } from './support/privateRegistry.ts'
import { pushTestImage } from './support/pushTestImage.ts'
import { simulateTokenServer } from './support/simulatedTokenServer.ts'

const folder = openTestFolder('image-check')
afterAll(() => folder.close())

async function start(traits: RegistryTraits) {
  return await startPrivateRegistry(folder, '127.0.0.1', traits)
}

const image = { repository: 'a/b', tag: '1', architectures: ['arm64'] }
const secure = { insecure: false, insecureSkipTLSVerify: false, addresses: onThisMachine }

test('plain HTTP: present by tag and by digest, absent otherwise', async () => {
  const registry = await start({ name: 'plain' })
  const { host } = registry
  const digest = await pushTestImage(registry, image)
  const options = { ...secure, insecure: true }
  const present = { kind: 'present', digest }
  expect(await checkImage(`${host}/a/b:1`, options)).toEqual(present)
  expect(await checkImage(`${host}/a/b@${digest}`, options)).toEqual(present)
  const traits = { architectures: ['arm64'], labels: {} }
  expect(await checkImage(`${host}/a/b:1`, { ...options, traits: true })).toEqual({
    ...present,
    traits,
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
  const options = { ...secure, insecure: true, traits: true }
  const present = { kind: 'present', digest, traits: { architectures: ['amd64', 'arm64'], labels: {} } }
  expect(await checkImage(`${registry.host}/a/b:1`, options)).toEqual(present)
})

test('with login: the right one only', async () => {
  const registry = await start({ name: 'login', login: true })
  const { host } = registry
  const digest = await pushTestImage(registry, image)
  const { username, password } = registryLogin
  const options = { ...secure, insecure: true }
  const right: Credentials = { kind: 'password', username, password }
  expect(await checkImage(`${host}/a/b:1`, { ...options, credentials: [right] })).toEqual({
    kind: 'present',
    digest,
  })
  expect(await checkImage(`${host}/a/b:2`, { ...options, credentials: [right] })).toEqual({ kind: 'absent' })
  const wrong = { ...options, credentials: [{ ...right, password: 'wrong' } as const] }
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

test('with a certificate that vouches for itself: by not verifying only', async () => {
  const registry = await start({ name: 'self-signed', tls: 'selfSigned' })
  const { host } = registry
  const digest = await pushTestImage(registry, image)
  const skip = { ...secure, insecureSkipTLSVerify: true }
  expect(await checkImage(`${host}/a/b:1`, skip)).toEqual({ kind: 'present', digest })
  expect(await checkImage(`${host}/a/b:1`, secure)).toMatchObject({
    kind: 'unreachable',
    message: expect.stringMatching(/certificate is not trusted.*registryTLS.insecureSkipTLSVerify/),
  })
})

test('with tokens (simulated token server): a pull, a stranger, and a repository that is not there', async () => {
  const repositories = ['a/b']
  const tokens = await simulateTokenServer(folder.dir, { repositories })
  onTestFinished(tokens.close)
  const registry = await start({ name: 'tokens', token: tokens.auth })
  const { host } = registry
  const { username, password } = registryLogin
  const credentials: Credentials[] = [{ kind: 'password', username, password }]
  const options = { ...secure, insecure: true, credentials }

  // To push, the test asks for a token itself.
  const realm = new URL(tokens.auth.realm)
  realm.searchParams.set('scope', 'repository:a/b:pull,push')
  const basic = Buffer.from(`${username}:${password}`).toString('base64')
  const answer = await fetch(realm, { headers: { authorization: `Basic ${basic}` } })
  const { token } = (await answer.json()) as { token: string }
  const digest = await pushTestImage({ ...registry, authorization: `Bearer ${token}` }, image)
  tokens.granted.length = 0

  expect(await checkImage(`${host}/a/b:1`, { ...options, traits: true })).toEqual({
    kind: 'present',
    digest,
    traits: { architectures: ['arm64'], labels: {} },
  })
  expect(tokens.granted).toEqual(['repository:a/b:pull -> pull'])
  expect(await checkImage(`${host}/a/b:2`, options)).toEqual({ kind: 'absent' })
  expect(await checkImage(`${host}/a/b:1`, { ...options, credentials: [] })).toMatchObject({
    kind: 'unauthorised',
  })
  // The registry says no more of it than of one that is closed, except to who may push there.
  expect(await checkImage(`${host}/a/new:1`, options)).toMatchObject({ kind: 'unauthorised' })
  expect(await checkImage(`${host}/a/new:1`, { ...options, mayPush: true })).toEqual({ kind: 'absent' })
})

test('images:IMG-10 the login of a service account of the cluster lets the check in', async () => {
  const registry = await start({ name: 'account', login: true })
  const { host } = registry
  const digest = await pushTestImage(registry, image)
  const kube = createKube(inject('kubeconfig'))
  onTestFinished(async () => await kube.close())
  const namespace = `logins-${process.pid}`
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  const secret = registrySecret(namespace, 'pull', host)
  await kube.applyObject(secret, { fieldManager: 'test', force: true })
  await kube.applyObject(
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { namespace, name: 'puller' },
      imagePullSecrets: [{ name: 'pull' }],
    },
    { fieldManager: 'test', force: true },
  )
  const reference = parseImageReference(`${host}/a/b:1`)
  const check = async (source: { serviceAccountName: string; imageRepoSecret?: { name: string } }) => {
    const { credentials } = await readLogins(kube, namespace, source, reference)
    return await checkImage(`${host}/a/b:1`, { ...secure, insecure: true, credentials })
  }
  expect(await check({ serviceAccountName: 'puller' })).toEqual({ kind: 'present', digest })
  expect(await check({ serviceAccountName: 'default' })).toMatchObject({ kind: 'unauthorised' })
  const named = { serviceAccountName: 'default', imageRepoSecret: { name: 'pull' } }
  expect(await check(named)).toEqual({ kind: 'present', digest })
})
