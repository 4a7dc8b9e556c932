import { describe, expect, test } from 'vitest'
import { masker, secretValues } from './mask.ts'

const encode = (text: string) => Buffer.from(text).toString('base64')
/** Masks a line with a Secret of one key. */
const mask = (value: string, line: string) => masker(secretValues({ key: encode(value) }))(line)

describe('values of Secrets', () => {
  test.each<[string, string, string, string]>([
    ['everywhere in a line', 's3cr3t', 'a s3cr3t b=s3cr3t', 'a *** b=***'],
    ['with a trailing newline in the Secret', 's3cr3t\n', 'is s3cr3t.', 'is ***.'],
    ['in base64', 's3cr3t', `echo ${encode('s3cr3t')}`, 'echo ***'],
    ['in base64 without the newline', 's3cr3t\n', `echo ${encode('s3cr3t')}`, 'echo ***'],
    ['with signs of regular expressions', 'a.b*c$&(', 'x a.b*c$&( axbxc', 'x *** axbxc'],
    ['line by line', 'BEGIN KEY\r\nabcdef\n  ghijkl\nEND KEY\n', 'abcdef|ghijkl', '***|***'],
    ['not when they are ordinary words', 'no', 'no, not now', 'no, not now'],
    ['nothing else', 's3cr3t', 'plain', 'plain'],
  ])('%s', (_name, value, line, expected) => {
    expect(mask(value, line)).toBe(expected)
  })

  test('the longest first, so that no end of a value is left', () => {
    const values = secretValues({ a: encode('s3cr3t'), b: encode('s3cr3t-and-more') })
    expect(masker(values)('s3cr3t-and-more s3cr3t')).toBe('*** ***')
  })

  test('an empty Secret masks nothing', () => {
    expect(masker(secretValues({}))('a line')).toBe('a line')
    expect(masker(secretValues({ key: '' }))('a line')).toBe('a line')
  })
})

describe('docker configs', () => {
  const auth = encode('robot:p4ssw0rd:x')
  const config = JSON.stringify({
    auths: { 'reg.example': { username: 'robot', password: 'pa55word', auth, identitytoken: 'tok-12345' } },
  })
  test.each([
    ['the password', 'pa55word'],
    ['the password in base64', encode('pa55word')],
    ['the token', 'tok-12345'],
    ['the header of basic authentication', auth],
    ['the password in that header', 'p4ssw0rd:x'],
    ['the whole text', config],
  ])('%s', (_name, secret) => {
    expect(mask(config, `<${secret}>`)).toBe('<***>')
  })
  test('the registry may be named', () => {
    expect(mask(config, 'GET https://reg.example/v2/')).toBe('GET https://reg.example/v2/')
  })
})

describe('userinfo in URLs', () => {
  const plain = masker([])
  test.each([
    ['https://user:pass@host/x', 'https://***@host/x'],
    ['https://token@host/x', 'https://***@host/x'],
    ['clone git+https://u:p@h and ftp://a:b@c/', 'clone git+https://***@h and ftp://***@c/'],
    ['a password with @: https://u:p@ss@host/x', 'a password with @: https://***@host/x'],
    ['https://host:8443/path@sha256:aa', 'https://host:8443/path@sha256:aa'],
    ['mail me@example.org', 'mail me@example.org'],
  ])('%s', (line, expected) => {
    expect(plain(line)).toBe(expected)
  })
})
