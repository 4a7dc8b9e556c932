import { expect, test } from 'vitest'
import { hasPushRight } from './pushRight.ts'
import { onThisMachine, refusal, scriptedRegistry, type Script } from './testing/scriptedRegistry.ts'

const options = { insecure: true, insecureSkipTLSVerify: false, addresses: onThisMachine }
const uploads = '/v2/a/b/blobs/uploads/'
const login = { kind: 'password' as const, username: 'u', password: 'p' }
const basic = `Basic ${Buffer.from('u:p').toString('base64')}`

/** Takes uploads, of those who are let in. */
const takes =
  (location: string, lets: (authorization: string | undefined) => boolean = () => true): Script =>
  ({ method, path, authorization }) => {
    if (path === '/v2/') return {}
    if (!lets(authorization))
      return refusal(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="registry"' })
    if (method === 'POST' && path === uploads) return { status: 202, headers: { location } }
    return method === 'DELETE' ? { status: 204 } : undefined
  }
const rights = async (script: Script, more: Partial<Parameters<typeof hasPushRight>[1]> = {}) => {
  const { host, asked } = await scriptedRegistry(script)
  const shown = await hasPushRight(`${host}/a/b:1`, { ...options, ...more })
  return { shown, asked: asked.filter((what) => !what.endsWith('/v2/')) }
}

test('an upload that is begun shows the right, and is cancelled', async () => {
  expect(await rights(takes(`${uploads}id?state=x`))).toEqual({
    shown: true,
    asked: [`POST ${uploads}`, `DELETE ${uploads}id`],
  })
})

test('nothing is sent to another host that a registry names for the upload', async () => {
  const other = await scriptedRegistry(() => ({ status: 204 }))
  const { shown } = await rights(takes(`http://${other.host}/upload`))
  expect([shown, other.asked]).toEqual([true, []])
})

test('each login is tried', async () => {
  const script = takes(`${uploads}id`, (authorization) => authorization === basic)
  expect((await rights(script, { credentials: [{ ...login, password: 'x' }, login] })).shown).toBe(true)
  expect((await rights(script, { credentials: [{ ...login, password: 'x' }] })).shown).toBe(false)
  expect((await rights(script)).shown).toBe(false)
})

test('a token server is asked for the right to push', async () => {
  let scope: string | null = null
  const script: Script = ({ method, path, query, authorization }) => {
    if (path === '/v2/') return {}
    if (path === '/token') {
      scope = query.get('scope')
      return { body: JSON.stringify({ token: 't' }) }
    }
    if (authorization !== 'Bearer t') return refusal(401, 'UNAUTHORIZED', { 'www-authenticate': challenge() })
    return method === 'POST' ? { status: 202 } : undefined
  }
  let host = ''
  const challenge = () => `Bearer realm="http://${host}/token",service="s",scope="repository:a/b:pull,push"`
  const registry = await scriptedRegistry(script)
  host = registry.host
  expect(await hasPushRight(`${host}/a/b:1`, { ...options, credentials: [login] })).toBe(true)
  expect(scope).toBe('repository:a/b:pull,push')
})

test.each<[string, Script]>([
  ['refuses', ({ path }) => (path === '/v2/' ? {} : refusal(403, 'DENIED'))],
  ['takes nothing', ({ path }) => (path === '/v2/' ? {} : refusal(405, 'UNSUPPORTED'))],
  ['says yes to everything', () => ({})],
  ['hangs up', ({ path }) => (path === '/v2/' ? {} : 'drop')],
])('a registry that %s shows no right', async (_name, script) => {
  expect((await rights(script)).shown).toBe(false)
})

test('nor does a reference that is none', async () => {
  expect(await hasPushRight('no image at all', options)).toBe(false)
})
