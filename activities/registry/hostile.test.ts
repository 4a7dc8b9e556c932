import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { imageLabels } from '../../api/names.ts'
import { AddressGuard, type AddressRules } from './addresses.ts'
import { checkImage, type CheckOptions } from './checkImage.ts'
import { refusal, type Script, type Scripted, scriptedRegistry, sha256 } from './testing/scriptedRegistry.ts'

/** A registry of an attacker, on real sockets, against the operator's network. */
const options: CheckOptions = { insecure: true, insecureSkipTLSVerify: false, timeoutMs: 60_000 }
const listing = (...allowedHosts: string[]): AddressRules => ({ privateAddresses: 'allow', allowedHosts })
const manifest = JSON.stringify({ schemaVersion: 2 })
const found: Scripted = { headers: { 'docker-content-digest': sha256(manifest) }, body: manifest }

/** Names as a name server of the attacker's answers them, one list of addresses for each question. */
function names(zone: Readonly<Record<string, readonly (readonly string[])[]>>): LookupFunction {
  const questions = new Map<string, number>()
  return (hostname, _options, callback) => {
    const at = questions.get(hostname) ?? 0
    questions.set(hostname, at + 1)
    const answers = zone[hostname] ?? []
    const addresses = answers[Math.min(at, answers.length - 1)] ?? []
    const found: LookupAddress[] = addresses.map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }))
    ;(callback as unknown as (error: null, all: LookupAddress[]) => void)(null, found)
  }
}

describe('a registry at an address that no registry may have', () => {
  test.each([
    '127.0.0.1',
    '127.8.9.10',
    '2130706433',
    '0x7f.1',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::a9fe:a9fe]',
    '[::127.0.0.1]',
    '169.254.169.254',
    '[fe80::1]',
    '[2002:7f00:1::1]',
    '[fd00:ec2::254]',
    '[fd20:ce::254]',
    '100.100.100.200',
    '168.63.129.16',
    '[64:ff9b:1::a9fe:a9fe]',
    '[::ffff:0:127.0.0.1]',
    '[2002:7f00:1::]',
    '[2002:a9fe:a9fe::1]',
    '[fd00:c1::a9fe:a9fe]',
    '[fd00:42::42]',
    'localhost.',
    'a.localhost',
    'ip6-localhost',
    'metadata.goog',
    '192.0.0.192',
    '224.0.0.1',
    '255.255.255.255',
    'localhost',
    'metadata.google.internal',
  ])('%s is not asked', async (host) => {
    const inner = await scriptedRegistry(() => found)
    const port = inner.host.split(':')[1] ?? ''
    const realm = `http://${host}:${port}/token`
    const outer = await scriptedRegistry(({ path }) =>
      path === '/v2/' ? {} : refusal(401, 'UNAUTHORIZED', { 'www-authenticate': `Bearer realm="${realm}"` }),
    )
    const result = await checkImage(`${outer.host}/a:1`, { ...options, addresses: listing(outer.host) })
    expect(result).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/which no registry may/),
    })
    const redirecting = await scriptedRegistry(({ path }) =>
      path === '/v2/'
        ? {}
        : { status: 307, headers: { location: `http://${host}:${port}/latest/meta-data` } },
    )
    const target = `${redirecting.host}/a:1`
    const second = await checkImage(target, { ...options, addresses: listing(redirecting.host) })
    expect(second).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/registry.allowedHosts/),
    })
    expect(inner.asked).toEqual([])
  })

  test.each([[['127.0.0.1']], [['::1']], [['169.254.169.254', '127.0.0.1']]])(
    'nor one whose name is at %j',
    async (addresses) => {
      const inner = await scriptedRegistry(() => found)
      const port = inner.host.split(':')[1] ?? ''
      const resolveName = names({ 'evil.example': [addresses] })
      const result = await checkImage(`evil.example:${port}/a:1`, { ...options, resolveName })
      expect(result).toMatchObject({
        kind: 'unreachable',
        message: expect.stringContaining('evil.example has a'),
      })
      expect(inner.asked).toEqual([])
    },
  )

  test('a name that changes its address gains nothing', async () => {
    const inner = await scriptedRegistry(() => found)
    const port = inner.host.split(':')[1] ?? ''
    // From the documentation range, where nobody answers: what counts is that no later answer is taken instead.
    const resolveName = names({ 'evil.example': [['203.0.113.1'], ['127.0.0.1']] })
    const rebinding = { ...options, resolveName, timeoutMs: 300 }
    expect(await checkImage(`evil.example:${port}/a:1`, rebinding)).toMatchObject({ kind: 'unreachable' })
    expect(await checkImage(`evil.example:${port}/a:1`, rebinding)).toMatchObject({ kind: 'unreachable' })
    expect(inner.asked).toEqual([])
  })

  test('one that the admin lists is asked, with its port alone or any', async () => {
    const { host } = await scriptedRegistry(() => found)
    for (const listed of [host, '127.0.0.1']) {
      const result = await checkImage(`${host}/a:1`, { ...options, addresses: listing(listed) })
      expect(result).toMatchObject({ kind: 'present' })
    }
    const other = await checkImage(`${host}/a:1`, { ...options, addresses: listing('127.0.0.1:1') })
    expect(other).toMatchObject({ kind: 'unreachable' })
  })
})

test.each<[string, string, boolean]>([
  ['registry.internal', 'https://registry.internal/', true],
  ['registry.internal', 'https://registry.internal:5000/', true],
  ['Registry.Internal', 'https://registry.internal./', true],
  ['registry.internal:443', 'https://registry.internal/', true],
  ['registry.internal:443', 'http://registry.internal/', false],
  ['registry.internal:5000', 'https://registry.internal/', false],
  ['registry.internal', 'https://registry.internal.evil/', false],
  ['registry.internal', 'https://evil.registry.internal/', false],
  ['127.0.0.1:5000', 'http://2130706433:5000/', true],
  ['127.0.0.1:5000', 'http://localhost:5000/', false],
  ['[::1]:5000', 'http://[0::1]:5000/', true],
])('the entry %s and %s: %s', (entry, url, expected) => {
  expect(new AddressGuard(listing(entry)).isListed(new URL(url))).toBe(expected)
})

describe('private addresses', () => {
  const refuse: AddressRules = { privateAddresses: 'refuse', allowedHosts: [] }
  test.each([
    '10.1.2.3',
    '172.20.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '[fd12::1]',
    '[64:ff9b::a01:203]',
    '[2002:a01:203::]',
    '198.18.0.1',
  ])('%s is refused where the configuration says so', async (host) => {
    const result = await checkImage(`${host}:1/a:1`, { ...options, addresses: refuse })
    expect(result).toMatchObject({ message: expect.stringContaining('registry.privateAddresses') })
  })

  test.each<[string, string, AddressRules, boolean]>([
    ['another host inside', 'http://10.1.2.4/', listing(), true],
    ['the registry itself', 'http://10.1.2.3/', listing(), false],
    ['a host that the admin lists', 'http://10.1.2.4/', listing('10.1.2.4'), false],
    ['a host outside', 'http://203.0.113.1/', listing(), false],
  ])('how %s answers is shown to nobody: %s', (_what, url, rules, isHidden) => {
    const guard = new AddressGuard(rules)
    guard.expect(new URL('http://10.1.2.3/v2/'))
    guard.expect(new URL(url))
    expect(guard.isHidden(new URL(url))).toBe(isHidden)
  })

  test.each<[string, string, string, string]>([
    ['another name', 'http://inner.example/token', '203.0.113.1', 'private'],
    ['an address', 'http://10.1.2.3/token', '203.0.113.1', 'private'],
    ['its own name, which moves', 'http://evil.example:8080/token', '203.0.113.1', 'private'],
    ['another name, of a registry inside', 'http://inner.example/token', '10.1.2.3', 'asked'],
  ])('a registry with addresses inside and outside names %s', (_what, realm, connected, expected) => {
    const resolveName = names({
      'evil.example': [['10.1.2.3', '203.0.113.1'], ['10.1.2.3']],
      'inner.example': [['10.1.2.4']],
    })
    const guard = new AddressGuard(listing(), resolveName)
    const ask = (url: string): string => {
      let outcome = 'asked'
      try {
        guard.expect(new URL(url))
        guard.lookup(new URL(url).hostname, { all: true }, (error) => (outcome = error?.message ?? outcome))
      } catch (error) {
        return (error as Error).message
      }
      return outcome
    }
    expect(ask('http://evil.example/v2/')).toBe('asked')
    guard.connected('evil.example', connected)
    expect(ask(realm)).toContain(expected)
  })

  test('the guard learns where a connection was made', async () => {
    const learned = vi.spyOn(AddressGuard.prototype, 'connected')
    // This machine may have no address that the guard allows.
    const allowing = vi.spyOn(AddressGuard.prototype, 'expect').mockReturnValue(undefined)
    onTestFinished(() => [learned, allowing].forEach((spy) => spy.mockRestore()))
    const { host } = await scriptedRegistry(() => found)
    expect(await checkImage(`${host}/a:1`, options)).toMatchObject({ kind: 'present' })
    expect(learned).toHaveBeenCalledWith('127.0.0.1', '127.0.0.1')
  })

  test('a registry outside of the network names no token server inside of it', async () => {
    const outer = { status: 401, headers: { 'www-authenticate': 'Bearer realm="http://10.1.2.3/token"' } }
    const { host } = await scriptedRegistry(({ path }) => (path === '/v2/' ? {} : outer))
    const port = host.split(':')[1] ?? ''
    // Listed by nobody; the proxy stands for the way to the public address of the registry.
    process.env['HTTP_PROXY'] = `http://${host}`
    process.env['HTTPS_PROXY'] = `http://${host}`
    try {
      const result = await checkImage(`registry.example:${port}/a:1`, options)
      expect(result).toMatchObject({ message: expect.stringMatching(/10\.1\.2\.3 has a private address/) })
    } finally {
      delete process.env['HTTP_PROXY']
      delete process.env['HTTPS_PROXY']
    }
  })
})

describe('answers', () => {
  const check = async (script: Script) => {
    const { host } = await scriptedRegistry(script)
    const image = `${host}/a:1`
    return await checkImage(image, { ...options, traits: true, addresses: listing(host) })
  }
  const serving =
    (body: string, blob = ''): Script =>
    ({ path }) =>
      path.includes('/blobs/') ? { body: blob } : { body, headers: { 'docker-content-digest': sha256(body) } }

  test('an index of 40,000 architectures comes to a few', async () => {
    const manifests = Array.from({ length: 40_000 }, (_, at) => ({
      platform: { os: 'linux', architecture: `a${at}` },
    }))
    const result = await check(serving(JSON.stringify({ manifests })))
    expect(JSON.stringify(result).length).toBeLessThan(1_000)
  })
  test('labels come only as the operator writes them', async () => {
    const Labels = { [imageLabels.buildNode]: 'n'.repeat(100_000), [imageLabels.kernel]: '6.1.0', other: 'x' }
    const config = JSON.stringify({ os: 'linux', architecture: 'amd64', config: { Labels } })
    const result = await check(serving(JSON.stringify({ config: { digest: sha256(config) } }), config))
    expect(result).toMatchObject({ traits: { labels: { [imageLabels.kernel]: '6.1.0' } } })
    expect(JSON.stringify(result).length).toBeLessThan(1_000)
  })
  test('redirects without end are not followed', async () => {
    const result = await check(() => ({ status: 307, headers: { location: '/again' } }))
    expect(result).toMatchObject({ message: expect.stringContaining('more than 5 redirects') })
  })
  test('a token that no header holds is none', async () => {
    const token = JSON.stringify({ token: 'a'.repeat(1_000_000) })
    const result = await check(({ path }) =>
      path === '/token'
        ? { body: token }
        : { status: 401, headers: { 'www-authenticate': 'Bearer realm="/token"' } },
    )
    expect(JSON.stringify(result).length).toBeLessThan(1_000)
    expect(result.kind).not.toBe('present')
  })
})
