import { expect, onTestFinished, test, vi } from 'vitest'
import { AddressGuard } from './addresses.ts'
import { checkImage, type CheckOptions } from './checkImage.ts'
import type { Credentials } from './credentials.ts'
import { hasPushRight } from './pushRight.ts'
import { hostileServer, rawServer, victim, writeForEver } from './testing/hostileServer.ts'
import { onThisMachine, refusal, type Script, scriptedRegistry, sha256 } from './testing/scriptedRegistry.ts'

const login: Credentials = { kind: 'password', username: 'user', password: 'se:cret' }
const options = {
  insecure: true,
  insecureSkipTLSVerify: false,
  addresses: onThisMachine,
  traits: true,
  timeoutMs: 60_000,
}
const root = '/v2/'
const redirect = (location: string) => ({ status: 307, headers: { location } })

/**
 * Has the image of an attacker's registry checked. `inside` counts as at a private address, which this machine may not
 * have: a host that is hidden.
 */
async function attack(script: Script, inside: string, more: Partial<CheckOptions> = {}) {
  const { host, asked } = await scriptedRegistry(script)
  const spy = vi.spyOn(AddressGuard.prototype, 'isHidden').mockImplementation((url) => url.host === inside)
  onTestFinished(() => spy.mockRestore())
  const result = await checkImage(`${host}/a/b:1`, { ...options, ...more })
  const text = JSON.stringify(result)
  expect(text).not.toMatch(/internal-secret|se:cret/)
  return { result, asked, shown: text.replaceAll(host, 'REGISTRY').replaceAll(inside, 'INSIDE') }
}

const namesRealm =
  (realm: string): Script =>
  ({ path }) =>
    path === root ? {} : refusal(401, 'UNAUTHORIZED', { 'www-authenticate': `Bearer realm="${realm}"` })
const redirects =
  (location: string): Script =>
  ({ path }) =>
    path === root ? {} : redirect(location)
const image = JSON.stringify({ config: { digest: sha256('config') } })
const redirectsBlob =
  (location: string): Script =>
  ({ path }) =>
    path === root ? {} : path.includes('/blobs/') ? redirect(location) : { body: image }

const places: [string, (location: string) => Script][] = [
  ['a token realm', namesRealm],
  ['a redirect of a manifest', redirects],
  ['a redirect of a blob', redirectsBlob],
]

const answering = async (status: number, body: string, headers: Record<string, string> = {}) =>
  (await hostileServer((_request, response) => response.writeHead(status, headers).end(body))).host
const json = { 'content-type': 'application/json' }
const services: [string, () => Promise<string>][] = [
  ['closed port', async () => '127.0.0.1:1'],
  ['reset', async () => await rawServer((socket) => socket.resetAndDestroy())],
  ['no HTTP', async () => await rawServer((socket) => socket.end('SSH-2.0-internal-secret\r\n'))],
  ['page', async () => await answering(200, 'internal-secret')],
  ['JSON', async () => await answering(200, '{"a":"internal-secret"}', json)],
  ['unauthorised', async () => await answering(401, 'internal-secret', { 'www-authenticate': 'Basic' })],
  ['forbidden', async () => await answering(403, 'internal-secret')],
  ['not found', async () => await answering(404, 'internal-secret')],
  ['rate limit', async () => await answering(429, 'internal-secret')],
  ['other error', async () => await answering(500, 'internal-secret')],
  ['redirect', async () => await answering(302, '', { location: 'http://internal-secret.invalid/' })],
  ['other scheme', async () => await answering(302, '', { location: 'gopher://internal-secret/' })],
  ['circle', async () => await answering(302, '', { location: '/internal-secret' })],
  [
    'endless',
    async () =>
      (await hostileServer((_request, response) => writeForEver(response, 'x'.repeat(65_536)))).host,
  ],
]

test.each(places)('%s to a host inside: nothing is learnt from how it answers', async (_, place) => {
  const seen = new Map<string, string[]>()
  for (const [name, start] of services) {
    const inside = await start()
    const { shown, asked } = await attack(place(`http://${inside}/`), inside, { credentials: [login] })
    const text = JSON.stringify({ shown, asked })
    seen.set(text, [...(seen.get(text) ?? []), name])
  }
  expect([...seen.values()]).toEqual([services.map(([name]) => name)])
})

test.each(places)('%s to a host inside that does not answer reads like a closed port', async (_, place) => {
  const silent = await rawServer(() => undefined)
  const closed = '127.0.0.1:1'
  const first = await attack(place(`http://${silent}/`), silent, { timeoutMs: 300 })
  const second = await attack(place(`http://${closed}/`), closed)
  expect(first.shown).toBe(second.shown)
})

test('only downloads are redirected to other hosts, not the root, HEAD, or uploads', async () => {
  const inside = await victim()
  const { host, asked } = await scriptedRegistry(() => redirect(`http://${inside.host}/`))
  expect(await hasPushRight(`${host}/a/b:1`, options)).toBe(false)
  expect(asked).toEqual(['GET /v2/', 'POST /v2/a/b/blobs/uploads/'])
  expect(inside.sockets).toEqual([])
  await checkImage(`${host}/a/b:1`, options)
  expect(inside.asked).toEqual(['GET /'])
})

test('a host that a redirect leads to cannot ask for the login', async () => {
  const thief = await victim()
  const other = await hostileServer((_request, response) =>
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${thief.host}/"` }).end(),
  )
  const { result } = await attack(redirects(`http://${other.host}/`), '', { credentials: [login] })
  expect(result.kind).toBe('unauthorised')
  expect(thief.sockets).toEqual([])
})

test('what redirects lead to inside serves still: manifests as what they are, and blobs', async () => {
  const config = JSON.stringify({ os: 'linux', architecture: 'arm64' })
  const manifest = JSON.stringify({ config: { digest: sha256(config) } })
  const store = await hostileServer(({ url }, response) => {
    const type = 'application/vnd.oci.image.manifest.v1+json; charset=utf-8'
    if (url === '/manifest') response.writeHead(200, { 'content-type': type }).end(manifest)
    else response.end(config)
  })
  const script: Script = ({ path }) => {
    if (path === root) return {}
    return redirect(`http://${store.host}/${path.includes('/blobs/') ? 'blob' : 'manifest'}`)
  }
  const { result } = await attack(script, store.host)
  const traits = { architectures: ['arm64'] }
  expect(result).toMatchObject({ kind: 'present', digest: sha256(manifest), traits })
})

test('a token server inside that refuses one login is asked with the next', async () => {
  const right = `Basic ${Buffer.from('user:se:cret').toString('base64')}`
  const tokens = await scriptedRegistry(({ authorization }) =>
    authorization === right ? { body: JSON.stringify({ token: 'good' }) } : { status: 401 },
  )
  const wants = namesRealm(`http://${tokens.host}/`)
  const found = { headers: { 'docker-content-digest': sha256(image) }, body: image }
  const script: Script = (asked) => (asked.authorization === 'Bearer good' ? found : wants(asked))
  const credentials = [{ ...login, password: 'wrong' }, login]
  const { result } = await attack(script, tokens.host, { credentials, traits: false })
  expect(result.kind).toBe('present')
})

test('one that refuses a pull of what is not there is asked for the right to push', async () => {
  const tokens = await scriptedRegistry(({ query }) =>
    query.get('scope')?.endsWith(':pull,push') === true
      ? { body: JSON.stringify({ token: 'mayPush' }) }
      : refusal(403, 'DENIED'),
  )
  const wants = namesRealm(`http://${tokens.host}/`)
  const script: Script = (asked) =>
    asked.authorization === 'Bearer mayPush' ? refusal(404, 'NAME_UNKNOWN') : wants(asked)
  const { result } = await attack(script, tokens.host, { credentials: [login], mayPush: true })
  expect(result).toEqual({ kind: 'absent' })
})

test('what a header gives in place of a digest is not repeated', async () => {
  const long = 'x'.repeat(8_000)
  const lies: Script = ({ path, method }) =>
    path === root || method === 'HEAD' ? {} : { headers: { 'docker-content-digest': long }, body: '{}' }
  const { result } = await attack(lies, '')
  expect(result).toMatchObject({ message: expect.stringMatching(/names a digest that is none$/) })
})
