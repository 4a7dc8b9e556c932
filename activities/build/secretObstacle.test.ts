import { expect, test } from 'vitest'
import { resolveMapping } from '../../api/mapping.ts'
import { testModule } from '../../api/testModule.ts'
import { buildSecrets, secretObstacle, signSecrets } from './secretObstacle.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const login = { '.dockerconfigjson': base64('{"auths":{"reg.example":{"auth":"dTpw"}}}') }

async function obstacle(
  names: readonly string[],
  repoSecret: string | undefined,
  there: Readonly<Record<string, Readonly<Record<string, string>>>>,
) {
  const build = { dockerfileConfigMap: { name: 'd' } }
  const spec = repoSecret === undefined ? {} : { spec: { imageRepoSecret: { name: repoSecret } } }
  const resolved = resolveMapping(testModule({ mapping: { build }, ...spec }), '6.1.0-1')
  if (resolved.kind !== 'mapped') throw new Error('the test Module has no mapping')
  // Most names that no Secret can have are refused before: these are names of a mapping all the same.
  const mapping = { ...resolved.mapping, build: { ...build, secrets: names.map((name) => ({ name })) } }
  return await secretObstacle(buildSecrets(mapping), 'drivers', async (name) =>
    there[name] === undefined ? undefined : { data: there[name] },
  )
}

test('Secrets as they should be are no obstacle', async () => {
  expect(await obstacle(['a'], 'r', { a: {}, r: login })).toBeUndefined()
})
test('a registry without a login is none either: it may let anybody push', async () => {
  const elsewhere = { '.dockerconfigjson': base64('{"auths":{"other.example":{"auth":"dTpw"}}}') }
  expect(await obstacle([], 'r', { r: elsewhere })).toBeUndefined()
})

test.each<[string, string, Readonly<Record<string, string>>, string]>([
  [
    'SecretKeyMissing',
    'no docker configuration',
    { password: 'x' },
    'has no key .dockerconfigjson; make it with',
  ],
  [
    'SecretKeyMissing',
    'the old form, which the executor cannot read',
    { '.dockercfg': 'e30=' },
    'has no key',
  ],
  [
    'SecretInvalid',
    'no JSON',
    { '.dockerconfigjson': base64('s3cret') },
    '.dockerconfigjson of the Secret is not JSON',
  ],
  [
    'SecretInvalid',
    'another form',
    { '.dockerconfigjson': base64('{"auths":["s3cret"]}') },
    'is not a docker configuration',
  ],
])('%s: imageRepoSecret with %s', async (reason, _name, data, says) => {
  const found = await obstacle([], 'r', { r: data })
  expect(found?.reason).toBe(reason)
  expect(found?.message).toContain(says)
  expect(found?.message).toMatch(/^imageRepoSecret: Secret drivers\/r /)
  expect(found?.message).not.toContain('s3cret')
})

test('images:BLD-8 every fault is named at once, by field', async () => {
  expect(await obstacle(['gone', 'Not_A-Name', 'a'], 'missing', { a: {} })).toEqual({
    reason: 'SecretMissing',
    message:
      'build.secrets: Secret drivers/gone does not exist. ' +
      'build.secrets: "Not_A-Name" cannot be the name of a Secret. ' +
      'imageRepoSecret: Secret drivers/missing does not exist.',
  })
})
test('images:SGN-4 key and certificate are looked for under their keys', async () => {
  const sign = { keySecret: { name: 'k' }, certSecret: { name: 'c' }, filesToSign: ['/opt/a.ko'] }
  const resolved = resolveMapping(testModule({ mapping: { sign } }), '6.1.0-1')
  if (resolved.kind !== 'mapped') throw new Error('the test Module has no mapping')
  const look = (there: Readonly<Record<string, Readonly<Record<string, string>>>>) =>
    secretObstacle(signSecrets(resolved.mapping), 'drivers', async (name) =>
      there[name] === undefined ? undefined : { data: there[name] },
    )
  expect(await look({ k: { key: 'eA==' }, c: { cert: 'eA==' } })).toBeUndefined()
  expect(await look({ c: { key: 'eA==' } })).toEqual({
    reason: 'SecretMissing',
    message:
      'sign.keySecret: Secret drivers/k does not exist. ' +
      'sign.certSecret: Secret drivers/c has no key cert, which is to hold the certificate as PEM.',
  })
})
test.each(['', '..', 'a/b', 'Upper', 'x'.repeat(254)])('"%s" is never asked for', async (name) => {
  expect(await obstacle([name], undefined, { [name]: {} })).toMatchObject({ reason: 'SecretNameInvalid' })
})
