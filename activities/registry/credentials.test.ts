import { describe, expect, test } from 'vitest'
import { parseImageReference } from '../../api/imageReference.ts'
import { credentialsFor } from './credentials.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const entry = (name: string) => ({ auth: base64(`${name}:password`) })
const modern = (auths: object) => ({ '.dockerconfigjson': base64(JSON.stringify({ auths })) })

/** Username found for an image among entries that are named by their key. */
function found(keys: readonly string[], image: string) {
  const auths = Object.fromEntries(keys.map((key) => [key, entry(key.replace(/:/g, ';'))]))
  const [credentials] = credentialsFor(modern(auths), parseImageReference(image))
  return credentials?.kind === 'password' ? credentials.username.replace(/;/g, ':') : undefined
}

test.each([
  ['the host', ['reg.test'], 'reg.test/a', 'reg.test'],
  ['another host', ['reg.test'], 'other.test/a', undefined],
  ['a longer host', ['reg.test'], 'a.reg.test/a', undefined],
  ['letter case', ['Reg.Test'], 'reg.test/a', 'Reg.Test'],
  ['the port', ['reg.test:5000'], 'reg.test:5000/a', 'reg.test:5000'],
  ['no port for a port', ['reg.test'], 'reg.test:5000/a', undefined],
  ['a scheme', ['https://reg.test'], 'reg.test/a', 'https://reg.test'],
  ['an API version', ['https://reg.test/v2/'], 'reg.test/a', 'https://reg.test/v2/'],
  ['a path', ['reg.test/team'], 'reg.test/team/a', 'reg.test/team'],
  ['another path', ['reg.test/team'], 'reg.test/other/a', undefined],
  [
    'the longest path',
    ['reg.test', 'reg.test/team/x', 'reg.test/team'],
    'reg.test/team/x/a',
    'reg.test/team/x',
  ],
  ['a star for a label', ['*.reg.test'], 'a.reg.test/x', '*.reg.test'],
  ['a star is one label', ['*.test'], 'a.reg.test/x', undefined],
  ['a star within a label', ['reg-*.test'], 'reg-eu.test/x', 'reg-*.test'],
  ['a question mark', ['reg?.test'], 'reg1.test/x', 'reg?.test'],
  ['a dot is a dot', ['regxtest'], 'reg.test/x', undefined],
  ['a host before a pattern', ['*.test', 'reg.test'], 'reg.test/x', 'reg.test'],
  [
    'docker.io as docker writes it',
    ['https://index.docker.io/v1/'],
    'busybox',
    'https://index.docker.io/v1/',
  ],
  ['docker.io by its name', ['docker.io'], 'docker.io/org/a', 'docker.io'],
  ['docker.io by its address', ['registry-1.docker.io'], 'org/a', 'registry-1.docker.io'],
])('matches %s', (_, keys, image, expected) => {
  expect(found(keys, image)).toBe(expected)
})

describe('entries', () => {
  const reference = parseImageReference('reg.test/a')

  test.each([
    [{ auth: base64('u:p:q') }, { kind: 'password', username: 'u', password: 'p:q' }],
    [
      { username: 'u', password: 'p' },
      { kind: 'password', username: 'u', password: 'p' },
    ],
    [
      { auth: base64('u:'), identitytoken: 't' },
      { kind: 'identityToken', token: 't' },
    ],
    [{}, undefined],
  ])('%j', (auths, expected) => {
    const found = expected === undefined ? [] : [expected]
    expect(credentialsFor(modern({ 'reg.test': auths }), reference)).toEqual(found)
  })

  test('an entry whose key is longer than any name of a registry counts for nothing', () => {
    const auths = { [`${'*a'.repeat(600)}.test`]: entry('u'), ['reg.test/'.padEnd(2000, '/')]: entry('u') }
    expect(credentialsFor(modern(auths), reference)).toEqual([])
  })

  test('the legacy form has no auths', () => {
    const data = { '.dockercfg': base64(JSON.stringify({ 'reg.test': entry('u') })) }
    expect(credentialsFor(data, reference)).toEqual([
      { kind: 'password', username: 'u', password: 'password' },
    ])
  })

  test('all that match are given, the most specific first, as the kubelet tries them', () => {
    const keys = ['*.test', 'reg.test', 'reg.test/a', 'other.test']
    const auths = Object.fromEntries(keys.map((key) => [key, entry(key)]))
    const names = credentialsFor(modern(auths), reference).map((c) => c.kind === 'password' && c.username)
    expect(names).toEqual(['reg.test/a', 'reg.test', '*.test'])
  })

  test.each([
    [{}, /neither .dockerconfigjson nor .dockercfg/],
    [{ '.dockerconfigjson': base64('{"hush') }, /^.dockerconfigjson of the Secret is not JSON$/],
    [{ '.dockercfg': base64('["hush"]') }, /^.dockercfg of the Secret is not a docker configuration/],
    [modern({ 'reg.test': { auth: 7 } }), /auths\.reg\.test\.auth has the wrong type/],
    [
      modern({ 'reg.test': { auth: base64('hush') } }),
      /auth of reg.test in the Secret is not "user:password"/,
    ],
  ])('%j is refused without its content', (data, message) => {
    expect(() => credentialsFor(data, reference)).toThrow(message)
    expect(() => credentialsFor(data, reference)).not.toThrow(/hush/)
  })
})
