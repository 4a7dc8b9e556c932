import { describe, expect, test } from 'vitest'
import { authorize, parseChallenges } from './authentication.ts'
import { checkImage, type CheckOptions } from './checkImage.ts'
import type { Credentials } from './credentials.ts'
import { onThisMachine, refusal, type Script, scriptedRegistry, sha256 } from './testing/scriptedRegistry.ts'

const login: Credentials = { kind: 'password', username: 'user', password: 'se:cret' }
const basicLogin = `Basic ${Buffer.from('user:se:cret').toString('base64')}`
const options: CheckOptions = {
  insecure: true,
  insecureSkipTLSVerify: false,
  addresses: onThisMachine,
  timeoutMs: 60_000,
}
const present = { headers: { 'docker-content-digest': sha256('m') }, body: 'm' }

/** A registry that wants `Bearer good` from the token server at `realm`. */
function wants(realm: string, scope = 'repository:a/b:pull'): Script {
  const challenge = `Bearer realm="${realm}",service="reg.test",scope="${scope}"`
  return ({ path, authorization }) =>
    path === '/v2/' || authorization === 'Bearer good'
      ? present
      : refusal(401, 'UNAUTHORIZED', { 'www-authenticate': challenge })
}

async function check(script: Script, credentials?: Credentials, more: Partial<CheckOptions> = {}) {
  const { host, asked } = await scriptedRegistry(script)
  const result = await checkImage(`${host}/a/b:1`, {
    ...options,
    ...(credentials === undefined ? {} : { credentials: [credentials] }),
    ...more,
  })
  expect(JSON.stringify(result)).not.toMatch(/se:cret|refresh-me|Basic |good/)
  return { result, asked }
}

describe('tokens', () => {
  test.each([
    ['without credentials', undefined, 'GET /token'],
    ['with a password', login, `GET /token ${basicLogin}`],
  ])('%s: the token server is asked, the registry gets the token only', async (_, credentials, asking) => {
    const queries: object[] = []
    const tokens = await scriptedRegistry(({ query }) => {
      queries.push(Object.fromEntries(query))
      return { body: JSON.stringify({ token: 'good' }) }
    })
    const { result, asked } = await check(wants(`http://${tokens.host}/token`), credentials)
    expect(result.kind).toBe('present')
    expect(tokens.asked).toEqual([asking])
    expect(queries).toEqual([{ scope: 'repository:a/b:pull', service: 'reg.test' }])
    expect(asked).toEqual(['GET /v2/', 'HEAD /v2/a/b/manifests/1', 'HEAD /v2/a/b/manifests/1 Bearer good'])
  })

  test('an identity token is exchanged in the body of a POST', async () => {
    const forms: object[] = []
    const tokens = await scriptedRegistry(({ body }) => {
      forms.push(Object.fromEntries(new URLSearchParams(body)))
      return { body: JSON.stringify({ access_token: 'good' }) }
    })
    const token: Credentials = { kind: 'identityToken', token: 'refresh-me' }
    expect((await check(wants(`http://${tokens.host}/token`), token)).result.kind).toBe('present')
    expect(tokens.asked).toEqual(['POST /token'])
    expect(forms).toMatchObject([
      {
        grant_type: 'refresh_token',
        refresh_token: 'refresh-me',
        service: 'reg.test',
        scope: 'repository:a/b:pull',
      },
    ])
  })

  test.each([
    [{ status: 401 }, 'unauthorised'],
    [{ status: 403 }, 'unauthorised'],
    [{ status: 404 }, 'unauthorised'],
    [{ status: 429 }, 'rateLimited'],
    [{ status: 503 }, 'unreachable'],
    [{ body: 'no token' }, 'unreachable'],
    [{ body: '{}' }, 'unreachable'],
    ['drop', 'unreachable'],
  ] as const)('a token server that answers %j: %s', async (answer, kind) => {
    const tokens = await scriptedRegistry(() => answer)
    const { result } = await check(wants(`http://${tokens.host}/token`), login)
    expect(result).toMatchObject({ kind, message: expect.stringContaining(tokens.host) })
  })

  test('a token that is not enough: unauthorised, asked once', async () => {
    const tokens = await scriptedRegistry(() => ({ body: JSON.stringify({ token: 'weak' }) }))
    const { result } = await check(wants(`http://${tokens.host}/token`), login)
    expect(result).toMatchObject({
      kind: 'unauthorised',
      message: expect.stringContaining('401'),
    })
    expect(tokens.asked).toHaveLength(1)
  })

  test.each(['ftp://HOST/', 'not an address', 'http://user:pw@HOST/'])(
    'a token server at "%s" gets nothing',
    async (realm) => {
      const tokens = await scriptedRegistry(() => ({ body: JSON.stringify({ token: 'good' }) }))
      const { result } = await check(wants(realm.replace('HOST', tokens.host)), login)
      expect(result.kind).toBe('unreachable')
      expect(tokens.asked).toEqual([])
    },
  )

  test('a token server on plain HTTP gets nothing, unless plain HTTP is allowed', async () => {
    const sent: string[] = []
    const send = async ({ url }: { url: URL }) => {
      sent.push(url.host)
      return { status: 200, headers: {}, body: Buffer.from('{"token":"good"}'), url, isHidden: false }
    }
    const ask = async (insecure: boolean, registry = 'http://reg.test') =>
      await authorize(
        { send, close: async () => {} },
        {
          registry: new URL(registry),
          repository: 'a/b',
          challenges: parseChallenges('Bearer realm="http://tokens.test/"'),
          credentials: login,
          insecure,
          rights: 'pull',
        },
      )
    await expect(ask(false)).rejects.toMatchObject({ result: { kind: 'unreachable' } })
    expect(sent).toEqual([])
    // A registry that speaks HTTPS does not send a login over plain HTTP.
    await expect(ask(true, 'https://reg.test')).rejects.toMatchObject({ result: { kind: 'unreachable' } })
    expect(sent).toEqual([])
    expect(await ask(true)).toBe('Bearer good')
  })

  test('a redirect gets neither the password nor the identity token', async () => {
    const thief = await scriptedRegistry(() => ({ body: JSON.stringify({ token: 'good' }) }))
    const redirect = { status: 307, headers: { location: `http://${thief.host}/` } }
    const tokens = await scriptedRegistry(() => redirect)
    await check(wants(`http://${tokens.host}/token`), login)
    expect(thief.asked).toEqual(['GET /'])
    const { result } = await check(wants(`http://${tokens.host}/token`), {
      kind: 'identityToken',
      token: 'refresh-me',
    })
    expect(result.kind).toBe('unauthorised')
    expect(thief.asked).toEqual(['GET /'])
  })
})

describe('several logins', () => {
  const other: Credentials = { kind: 'password', username: 'other', password: 'wrong' }
  const wantsUser: Script = ({ path, authorization }) =>
    authorization === basicLogin || path === '/v2/'
      ? present
      : refusal(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="reg"' })

  test.each([
    ['the first is let in', [login, other], 'present'],
    ['the second is let in', [other, login], 'present'],
    ['none is let in', [other, other], 'unauthorised'],
  ])('%s', async (_, credentials, kind) => {
    expect((await check(wantsUser, undefined, { credentials })).result.kind).toBe(kind)
  })

  test('a registry that fails is not asked with the next one', async () => {
    const { asked } = await check(() => ({ status: 503 }), undefined, { credentials: [other, login] })
    expect(asked).toEqual(['GET /v2/', 'HEAD /v2/a/b/manifests/1'])
  })
})

describe('a repository that is not there, at a registry that does not say so', () => {
  /** As Docker Hub and GHCR: a pull of what is not there is refused like a closed one. */
  async function hidden(hides: 'registry' | 'token server') {
    const scopes: string[] = []
    const tokens = await scriptedRegistry(({ query }) => {
      const scope = query.get('scope') ?? ''
      scopes.push(scope)
      const pushes = scope.endsWith(':pull,push')
      if (hides === 'token server' && !pushes) return refusal(403, 'DENIED')
      return { body: JSON.stringify({ token: pushes ? 'mayPush' : 'mayPull' }) }
    })
    const challenge = `Bearer realm="http://${tokens.host}/token",scope="repository:a/b:pull"`
    const registry: Script = ({ path, authorization }) => {
      if (path === '/v2/') return {}
      return authorization === 'Bearer mayPush'
        ? refusal(404, 'NAME_UNKNOWN')
        : refusal(401, 'UNAUTHORIZED', { 'www-authenticate': challenge })
    }
    return { registry, scopes }
  }

  test.each(['registry', 'token server'] as const)(
    'refused by the %s: whoever may push there learns that it is absent',
    async (hides) => {
      const { registry, scopes } = await hidden(hides)
      expect((await check(registry, login, { mayPush: true })).result).toEqual({ kind: 'absent' })
      expect(scopes).toEqual(['repository:a/b:pull', 'repository:a/b:pull,push'])
    },
  )

  test.each([
    ['nothing is built', login, false],
    ['there is no login', undefined, true],
  ])('nobody asks for the right to push when %s', async (_, credentials, mayPush) => {
    const { registry, scopes } = await hidden('registry')
    expect((await check(registry, credentials, { mayPush })).result.kind).toBe('unauthorised')
    expect(scopes).toEqual(['repository:a/b:pull'])
  })

  test('whoever may not push there learns nothing', async () => {
    const closed: Script = ({ path }) =>
      path === '/v2/' ? {} : refusal(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="r"' })
    expect((await check(closed, login, { mayPush: true })).result.kind).toBe('unauthorised')
  })
})

describe('basic', () => {
  const wantsBasic: Script = ({ path, authorization }) =>
    path !== '/v2/' && authorization === undefined
      ? refusal(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="reg"' })
      : authorization === basicLogin || path === '/v2/'
        ? present
        : refusal(401, 'UNAUTHORIZED')

  test('the password is sent once it is asked for', async () => {
    const { result, asked } = await check(wantsBasic, login)
    expect(result.kind).toBe('present')
    expect(asked.slice(1)).toEqual(['HEAD /v2/a/b/manifests/1', `HEAD /v2/a/b/manifests/1 ${basicLogin}`])
  })

  test('without a login, and with a wrong one: unauthorised', async () => {
    expect((await check(wantsBasic)).result).toMatchObject({
      kind: 'unauthorised',
      message: expect.stringContaining('it asks for a login'),
    })
    const wrong: Credentials = { kind: 'password', username: 'user', password: 'other' }
    expect((await check(wantsBasic, wrong)).result.kind).toBe('unauthorised')
  })
})

test.each([
  [undefined, []],
  ['Basic realm="r"', [{ scheme: 'basic', parameters: { realm: 'r' } }]],
  [
    'Bearer realm="https://t.test/x",scope="repository:a:pull,push", Basic realm=plain',
    [
      { scheme: 'bearer', parameters: { realm: 'https://t.test/x', scope: 'repository:a:pull,push' } },
      { scheme: 'basic', parameters: { realm: 'plain' } },
    ],
  ],
  [
    'Negotiate, BEARER Realm = "a\\"b"',
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'bearer', parameters: { realm: 'a"b' } },
    ],
  ],
  ['realm="nobody asked"', []],
])('challenge %s', (header, expected) => {
  expect(parseChallenges(header)).toEqual(expected)
})
