import { describe, expect, test } from 'vitest'
import { imageLabels } from '../../api/names.ts'
import { checkImage, type CheckOptions } from './checkImage.ts'
import {
  onThisMachine,
  refusal,
  type Script,
  type Scripted,
  scriptedRegistry,
  sha256,
} from './testing/scriptedRegistry.ts'

const insecure: CheckOptions = {
  insecure: true,
  insecureSkipTLSVerify: false,
  addresses: onThisMachine,
  timeoutMs: 60_000,
}
const manifest = JSON.stringify({ schemaVersion: 2 })
const digest = sha256(manifest)
const present: Scripted = { headers: { 'docker-content-digest': digest }, body: manifest }

/** A registry that knows the paths given and answers its root. */
function paths(answers: Readonly<Record<string, Scripted>>): Script {
  return ({ path }) => (path === '/v2/' ? {} : (answers[path] ?? refusal(404, 'MANIFEST_UNKNOWN')))
}

async function check(script: Script, reference = 'a/b:1', options: Partial<CheckOptions> = {}) {
  const { host, asked } = await scriptedRegistry(script)
  const result = await checkImage(`${host}/${reference}`, { ...insecure, ...options })
  const text = JSON.stringify(result).replaceAll(host, 'HOST')
  return {
    result: JSON.parse(text) as typeof result,
    asked: asked.filter((line) => line !== 'GET /v2/'),
    host,
  }
}

describe('present', () => {
  test('by HEAD alone', async () => {
    const { result, asked } = await check(paths({ '/v2/a/b/manifests/1': present }))
    expect(result).toEqual({ kind: 'present', digest })
    expect(asked).toEqual(['HEAD /v2/a/b/manifests/1'])
  })

  test('without a tag it is latest; a digest wins over a tag', async () => {
    expect((await check(paths({}), 'a/b')).asked[0]).toBe('HEAD /v2/a/b/manifests/latest')
    const pinned = await check(paths({ [`/v2/a/b/manifests/${digest}`]: present }), `a/b:1@${digest}`)
    expect(pinned.asked).toEqual([`HEAD /v2/a/b/manifests/${digest}`])
    expect(pinned.result).toEqual({ kind: 'present', digest })
  })

  test('asks for indexes and images of both families', async () => {
    let accepted = ''
    await check(({ path, accept }) => {
      if (path !== '/v2/') accepted = accept
      return present
    })
    for (const type of [
      'image.index.v1',
      'manifest.list.v2',
      'image.manifest.v1',
      'distribution.manifest.v2',
    ])
      expect(accepted).toContain(type)
  })

  test.each([
    ['gives no digest', {}],
    ['does not know HEAD', { status: 405 }],
  ])('a registry that %s is asked by GET, and the digest counted', async (_, head) => {
    const script: Script = ({ path, method }) =>
      path === '/v2/' ? {} : method === 'HEAD' ? head : { body: manifest }
    const { result, asked } = await check(script)
    expect(result).toEqual({ kind: 'present', digest })
    expect(asked).toEqual(['HEAD /v2/a/b/manifests/1', 'GET /v2/a/b/manifests/1'])
  })

  test('bytes that are not what the digest says are no answer', async () => {
    const wrong = { headers: { 'docker-content-digest': digest }, body: 'something else' }
    const script: Script = ({ path, method }) => (path === '/v2/' ? {} : method === 'HEAD' ? {} : wrong)
    const { result } = await check(script, `a/b@${digest}`)
    expect(result).toMatchObject({ kind: 'unreachable', message: expect.stringContaining(`not ${digest}`) })
  })

  test('a HEAD that names another digest than the one asked for is looked into', async () => {
    const other = { headers: { 'docker-content-digest': sha256('other') }, body: 'other' }
    const { result } = await check(() => other, `a/b@${digest}`)
    expect(result).toMatchObject({ kind: 'unreachable', message: expect.stringContaining(sha256('other')) })
  })
})

describe('architectures', () => {
  test('of an index, Linux only', async () => {
    const platform = (os: string, architecture: string) => ({ platform: { os, architecture } })
    const index = JSON.stringify({
      manifests: [platform('linux', 'arm64'), platform('linux', 'amd64'), platform('windows', 's390x')],
    })
    const answer = { headers: { 'docker-content-digest': sha256(index) }, body: index }
    const known = { '/v2/a/b/manifests/1': answer, [`/v2/a/b/manifests/${sha256(index)}`]: answer }
    const { result } = await check(paths(known), 'a/b:1', { traits: true })
    expect(result).toMatchObject({ kind: 'present', traits: { architectures: ['amd64', 'arm64'] } })
  })

  test('of one image: from its configuration, found by a redirect that gets no login', async () => {
    const labels = { [imageLabels.kernel]: '6.1.0' }
    const config = JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      config: { Labels: { ...labels, a: 'b' } },
    })
    const image = JSON.stringify({ config: { digest: sha256(config) } })
    const store = await scriptedRegistry(() => ({ body: config }))
    const answer = { headers: { 'docker-content-digest': sha256(image) }, body: image }
    const script: Script = ({ path, authorization }) => {
      if (authorization === undefined)
        return { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } }
      if (!path.includes('/blobs/')) return answer
      return { status: 307, headers: { location: `http://${store.host}/blob?signature=s` } }
    }
    const { result, asked } = await check(script, 'a/b:1', {
      traits: true,
      credentials: [{ kind: 'password', username: 'u', password: 'secret' }],
    })
    expect(result).toMatchObject({
      kind: 'present',
      traits: { architectures: ['amd64'], labels },
    })
    expect(asked.at(-1)).toMatch(/blobs.* Basic /)
    expect(store.asked).toEqual(['GET /blob'])
  })

  test('a configuration that is not what its digest says is no answer', async () => {
    const image = JSON.stringify({ config: { digest } })
    const answer = { headers: { 'docker-content-digest': sha256(image) }, body: image }
    const script: Script = ({ path }) =>
      path.includes('/blobs/') ? { body: '{"architecture":"x"}' } : answer
    const { result } = await check(script, 'a/b:1', { traits: true })
    expect(result).toMatchObject({ kind: 'unreachable', message: expect.stringContaining(digest) })
  })
})

describe('not present', () => {
  test.each(['MANIFEST_UNKNOWN', 'NAME_UNKNOWN'])('404 %s is absent', async (code) => {
    expect((await check(() => refusal(404, code))).result).toEqual({ kind: 'absent' })
  })

  test('404 without a word is absent where the root is a registry, and nothing is known where it is not', async () => {
    const bare: Script = ({ path }) => (path === '/v2/' ? {} : { status: 404 })
    expect((await check(bare)).result).toEqual({ kind: 'absent' })
    expect((await check(() => ({ status: 404, body: '<html>' }))).result).toMatchObject({
      kind: 'unreachable',
      message: 'registry HOST: it answers 404 to everything, so it is no registry',
    })
  })

  test.each([
    [refusal(403, 'DENIED'), { kind: 'unauthorised', message: expect.stringContaining('403') }],
    [
      refusal(401, 'UNAUTHORIZED'),
      { kind: 'unauthorised', message: expect.stringContaining('names no way to log in') },
    ],
    [refusal(429, 'TOOMANYREQUESTS', { 'retry-after': '30' }), { kind: 'rateLimited', retryAfterMs: 30_000 }],
    [refusal(429, 'TOOMANYREQUESTS'), { kind: 'rateLimited', message: expect.stringContaining('HOST') }],
    [refusal(500, 'UNKNOWN'), { kind: 'unreachable', message: 'registry HOST: it answers 500' }],
    [{ status: 503 }, { kind: 'unreachable', message: 'registry HOST: it answers 503' }],
    [
      refusal(400, 'NAME_INVALID'),
      { kind: 'invalid', message: 'registry HOST: it answers 400 NAME_INVALID' },
    ],
    [refusal(400, 'SOMETHING'), { kind: 'unreachable', message: expect.stringContaining('400') }],
  ])('%j', async (answer, expected) => {
    expect((await check(({ path }) => (path === '/v2/' ? {} : answer))).result).toMatchObject(expected)
  })

  test.each([
    ['0', 1_000],
    ['86400', 3_600_000],
    ['soon', undefined],
  ])('a Retry-After of "%s" is kept within a second and an hour', async (header, expected) => {
    const { result } = await check(() => refusal(429, 'TOOMANYREQUESTS', { 'retry-after': header }))
    expect(result.kind === 'rateLimited' ? result.retryAfterMs : 'another answer').toBe(expected)
  })

  test('a Retry-After that is a date is a time from now', async () => {
    const date = new Date(Date.now() + 100_000).toUTCString()
    const { result } = await check(() => refusal(429, 'TOOMANYREQUESTS', { 'retry-after': date }))
    const wait = result.kind === 'rateLimited' ? (result.retryAfterMs ?? 0) : 0
    expect(wait).toBeGreaterThan(50_000)
    expect(wait).toBeLessThanOrEqual(100_000)
  })

  test('a text that is no reference is invalid; a login in it is not repeated', async () => {
    expect(await checkImage('Not A Reference', insecure)).toMatchObject({ kind: 'invalid' })
    const result = await checkImage('user:secret@reg.test/a', insecure)
    expect(result).toMatchObject({ kind: 'invalid', message: expect.stringContaining('***@') })
    expect(JSON.stringify(result)).not.toContain('secret')
  })
})

describe('no answer', () => {
  test.each([
    ['a dropped connection', 'drop'],
    ['silence', 'hang'],
  ] as const)('%s is unreachable, with host and cause', async (_, answer) => {
    const script: Script = ({ path }) => (path === '/v2/' ? {} : answer)
    const { result } = await check(script, 'a/b:1', { timeoutMs: 300 })
    expect(result).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/^registry HOST: \w+/),
    })
  })

  test('nobody there, and a name nobody knows', async () => {
    const nobody = await checkImage('127.0.0.1:1/a', { ...insecure, insecure: false })
    expect(nobody).toEqual({ kind: 'unreachable', message: 'registry 127.0.0.1:1: connection refused' })
    const unknown = await checkImage('registry.invalid/a', { ...insecure, insecure: false })
    expect(unknown).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/registry.invalid: .*name/),
    })
  })

  test('plain HTTP without leave to use it says what to set', async () => {
    const { result, asked } = await check(() => present, 'a/b:1', { insecure: false })
    expect(result).toEqual({
      kind: 'unreachable',
      message: 'registry HOST: no TLS; for plain HTTP set registryTLS.insecure',
    })
    expect(asked).toEqual([])
  })

  test('redirects in a circle end', async () => {
    const { result } = await check(({ path }) =>
      path === '/v2/' ? {} : { status: 302, headers: { location: path } },
    )
    expect(result).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('redirects') })
  })

  test('an aborted check throws the reason of its signal', async () => {
    const cancel = new AbortController()
    const { host, asked } = await scriptedRegistry(() => 'hang')
    const running = checkImage(`${host}/a`, { ...insecure, signal: cancel.signal })
    await expect.poll(() => asked).toHaveLength(1)
    cancel.abort(new Error('cancelled'))
    await expect(running).rejects.toThrow('cancelled')
  })
})
