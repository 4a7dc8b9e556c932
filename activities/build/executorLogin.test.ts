import { expect, test } from 'vitest'
import type { Kube } from '../kube/kube.ts'
import { executorLogin } from './executorLogin.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const auths = (host: string) => ({ [host]: { auth: base64('user:s3cret') } })
const secret = (name: string, data: object) => ({
  metadata: { name, uid: `uid-${name}`, resourceVersion: '7' },
  data,
})
const modern = (name: string, host: string) =>
  secret(name, { '.dockerconfigjson': base64(JSON.stringify({ auths: auths(host) })) })
const pulls = (...names: string[]) => ({ imagePullSecrets: names.map((name) => ({ name })) })
const objects: Readonly<Record<string, object>> = {
  'Secret named': modern('named', 'other.test'),
  'Secret other': modern('other', 'other.test'),
  'Secret first': modern('first', 'reg.test'),
  'Secret second': modern('second', 'reg.test'),
  'Secret old': secret('old', { '.dockercfg': base64(JSON.stringify(auths('reg.test'))) }),
  'Secret broken': secret('broken', { '.dockerconfigjson': base64('{"s3cret') }),
  'ServiceAccount bare': {},
  'ServiceAccount both': pulls('gone', 'broken', 'other', 'first', 'second'),
  'ServiceAccount strange': pulls('other'),
  'ServiceAccount old': pulls('old'),
  'ServiceAccount renewed': pulls('old', 'first'),
}
/** The API server, simulated. */
const kube = {
  get: async ({ kind }: { kind: string }, { name }: { name: string }) => objects[`${kind} ${name}`],
} as unknown as Kube
const login = async (serviceAccountName: string, imageRepoSecret?: { name: string }) =>
  await executorLogin(kube, 'ns', {
    image: 'reg.test/a:1',
    serviceAccountName,
    ...(imageRepoSecret && { imageRepoSecret }),
  } as Parameters<typeof executorLogin>[2])

test.each([
  ['a service account without pull secrets', 'bare', { kind: 'none' }],
  ['no service account', 'gone', { kind: 'none' }],
  ['pull secrets for other registries', 'strange', { kind: 'none' }],
  [
    'the first with a login for the registry',
    'both',
    { kind: 'secret', name: 'first', version: 'uid-first/7' },
  ],
  [
    'the first that the executor can read',
    'renewed',
    { kind: 'secret', name: 'first', version: 'uid-first/7' },
  ],
])('the executor logs in with: %s', async (_name, account, expected) => {
  expect(await login(account)).toEqual(expected)
})

test('imageRepoSecret is the only one where it is named, as for the image check', async () => {
  expect(await login('both', { name: 'named' })).toEqual({ kind: 'secret', name: 'named' })
})

test('a login that the executor cannot read is said before a build, with the fix and nothing of its content', async () => {
  const found = await login('old')
  expect(found).toMatchObject({ kind: 'unfit', reason: 'SecretKeyMissing' })
  expect(JSON.stringify(found)).toMatch(/Secret ns\/old.*ServiceAccount ns\/old.*spec\.imageRepoSecret/i)
  expect(JSON.stringify(found)).not.toContain('s3cret')
})
