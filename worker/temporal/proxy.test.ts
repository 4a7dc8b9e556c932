import { expect, test } from 'vitest'
import { proxyFor, ProxyError } from './proxy.ts'

const env = { HTTPS_PROXY: 'http://proxy.example:3128' }
const proxied = { host: 'proxy.example', port: 3128, login: undefined }

test('the variables, lower case first, HTTP_PROXY last', () => {
  expect(proxyFor('t.example:7233', {})).toBeUndefined()
  expect(proxyFor('t.example:7233', { HTTPS_PROXY: '' })).toBeUndefined()
  expect(proxyFor('t.example:7233', env)).toEqual(proxied)
  expect(proxyFor('t.example:7233', { ...env, https_proxy: 'http://lower:1' })).toMatchObject({
    host: 'lower',
  })
  expect(proxyFor('t.example:7233', { HTTP_PROXY: 'http://plain' })).toEqual({
    host: 'plain',
    port: 80,
    login: undefined,
  })
})

test('a login is decoded', () => {
  const { login } = proxyFor('t.example:7233', { HTTPS_PROXY: 'http://us%20er:p%25@[::1]:3128' }) ?? {}
  expect(login).toEqual({ username: 'us er', password: 'p%' })
})

test.each(['localhost:7233', '127.0.0.1:7233', '127.8.9.1:1', '[::1]:7233'])(
  'never for loopback: %s',
  (address) => {
    expect(proxyFor(address, env)).toBeUndefined()
  },
)

test.each([
  ['*', 't.example:7233'],
  ['t.example', 't.example:7233'],
  ['T.Example', 't.EXAMPLE:7233'],
  ['example', 't.example:7233'],
  ['.example', 't.example:7233'],
  ['*.example', 't.example:7233'],
  ['a, .svc', 'temporal.kmm.svc:7233'],
  ['a .svc', 'temporal.kmm.svc:7233'],
  ['t.example:7233', 't.example:7233'],
  ['10.0.0.0/8', '10.1.2.3:7233'],
  ['10.1.2.3', '10.1.2.3:7233'],
  ['fd00::/8', '[fd00::1]:7233'],
  ['fd00::1', '[fd00::1]:7233'],
  ['[fd00::1]:7233', '[fd00::1]:7233'],
])('NO_PROXY=%s leaves out %s', (NO_PROXY, address) => {
  expect(proxyFor(address, { ...env, NO_PROXY })).toBeUndefined()
  expect(proxyFor(address, { ...env, no_proxy: NO_PROXY, NO_PROXY: '' })).toBeUndefined()
})

test.each([
  ['', 't.example:7233'],
  ['t.example:443', 't.example:7233'],
  ['*.t.example', 't.example:7233'],
  ['ample', 't.example:7233'],
  ['10.0.0.0/8', '11.1.2.3:7233'],
  ['10.0.0.0/', '10.1.2.3:7233'],
  ['10.0.0.0/33', '10.1.2.3:7233'],
  ['10.0.0.0/8.5', '10.1.2.3:7233'],
  ['10.0.0.0/8', 't.example:7233'],
])('NO_PROXY=%s does not leave out %s', (NO_PROXY, address) => {
  expect(proxyFor(address, { ...env, NO_PROXY })).toEqual(proxied)
})

test('what cannot be a proxy is refused, without its password', () => {
  expect(() => proxyFor('t.example:7233', { HTTPS_PROXY: 'https://u:secret@p:1' })).toThrow(
    'must be an http:// URL',
  )
  expect(() => proxyFor('t.example:7233', { HTTPS_PROXY: 'https://u:secret@p:1' })).not.toThrow('secret')
  expect(() => proxyFor('t.example:7233', { HTTPS_PROXY: 'http://u:se%cret@p:1' })).toThrow(ProxyError)
  expect(() => proxyFor('t.example:7233', { HTTPS_PROXY: 'http://u:se%cret@p:1' })).not.toThrow('cret')
  expect(() => proxyFor('t.example:7233', { HTTPS_PROXY: 'secret' })).toThrow(/^is not a URL/)
})
