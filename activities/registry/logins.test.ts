import { expect, test } from 'vitest'
import { parseImageReference } from '../../api/imageReference.ts'
import type { Kube } from '../kube/kube.ts'
import { nodePullSecrets, readLogins } from './logins.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const login = (host: string, user: string) => ({
  data: {
    '.dockerconfigjson': base64(JSON.stringify({ auths: { [host]: { auth: base64(`${user}:p`) } } })),
  },
})
const objects: Readonly<Record<string, object>> = {
  'Secret named': login('reg.test', 'named'),
  'Secret other': login('other.test', 'other'),
  'Secret first': login('reg.test', 'first'),
  'Secret second': login('reg.test', 'second'),
  'Secret broken': { data: { '.dockerconfigjson': base64('{"hush') } },
  'ServiceAccount default': { imagePullSecrets: [] },
  'ServiceAccount pulls': { imagePullSecrets: [{ name: 'other' }, { name: 'first' }, { name: 'second' }] },
}
const kube = {
  get: async ({ kind }: { kind: string }, { name }: { name: string }) => objects[`${kind} ${name}`],
} as unknown as Kube

async function read(imageRepoSecret: string | undefined, serviceAccountName = 'default') {
  const source = {
    serviceAccountName,
    ...(imageRepoSecret === undefined ? {} : { imageRepoSecret: { name: imageRepoSecret } }),
  }
  const { credentials, fix } = await readLogins(kube, 'ns', source, parseImageReference('reg.test/a:1'))
  expect(fix).not.toContain('hush')
  return { users: credentials.map((c) => c.kind === 'password' && c.username), fix }
}

test.each([
  ['imageRepoSecret', 'named', 'default', ['named'], 'spec.imageRepoSecret: Secret ns/named holds a login'],
  ['imageRepoSecret alone, where both are', 'named', 'pulls', ['named'], 'Secret ns/named'],
  [
    'an imageRepoSecret for another registry',
    'other',
    'pulls',
    [],
    'Secret ns/other has nothing for reg.test',
  ],
  ['an imageRepoSecret that is not there', 'none', 'pulls', [], 'Secret ns/none does not exist'],
  ['an imageRepoSecret that cannot be read', 'broken', 'pulls', [], 'Secret ns/broken: .dockerconfigjson'],
  [
    'the pull secrets of the service account',
    undefined,
    'pulls',
    ['first', 'second'],
    'Secret ns/first holds',
  ],
  ['no pull secrets', undefined, 'default', [], 'ServiceAccount ns/default has no imagePullSecrets'],
  ['no service account', undefined, 'none', [], 'ServiceAccount ns/none does not exist'],
])('images:IMG-10 %s', async (_, secret, account, users, fix) => {
  expect(await read(secret, account)).toEqual({ users, fix: expect.stringContaining(fix) })
})

test.each<[string, string | undefined, string, readonly string[], readonly string[]]>([
  ['of the Module alone', 'named', 'pulls', [], ['named']],
  ['of the Module before others', 'named', 'pulls', ['worker', 'named'], ['named', 'worker']],
  [
    'of the service account, which the API server then leaves out',
    undefined,
    'pulls',
    ['worker'],
    ['other', 'first', 'second', 'worker'],
  ],
  ['of a service account that has none', undefined, 'default', ['worker'], ['worker']],
  ['of a service account that is not there', undefined, 'none', ['worker'], ['worker']],
])('pull secrets %s', async (_name, imageRepoSecret, serviceAccountName, more, names) => {
  const source = {
    serviceAccountName,
    imageRepoSecret: imageRepoSecret === undefined ? undefined : { name: imageRepoSecret },
  }
  expect(await nodePullSecrets(kube, 'ns', source, more)).toEqual(names)
})
