import { describe, expect, test } from 'vitest'
import { masker, type Mask } from './masker.ts'
import { SecretIndex } from './secretIndex.ts'

const encode = (text: string) => Buffer.from(text).toString('base64')
async function maskOf(data: Readonly<Record<string, string>>): Promise<Mask> {
  const index = new SecretIndex()
  await index.add(data)
  return masker(index)
}
/** Masks a line with a Secret of one key. */
const mask = async (value: string, line: string) => (await maskOf({ key: encode(value) }))(line)

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
  ])('%s', async (_name, value, line, expected) => {
    expect(await mask(value, line)).toBe(expected)
  })

  test('the longest first, so that no end of a value is left', async () => {
    const both = await maskOf({ a: encode('s3cr3t'), b: encode('s3cr3t-and-more') })
    expect(both('s3cr3t-and-more s3cr3t')).toBe('*** ***')
  })

  test('an empty Secret masks nothing', async () => {
    expect((await maskOf({}))('a line')).toBe('a line')
    expect((await maskOf({ key: '' }))('a line')).toBe('a line')
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
  ])('%s', async (_name, secret) => {
    expect(await mask(config, `<${secret}>`)).toBe('<***>')
  })
  test('the registry may be named', async () => {
    expect(await mask(config, 'GET https://reg.example/v2/')).toBe('GET https://reg.example/v2/')
  })
})

describe('files of known formats give up their tokens', () => {
  test.each<[string, string, string]>([
    ['.netrc on one line', 'machine git.example login robot password n3tp4ss', 'n3tp4ss'],
    ['.netrc on several', 'machine git.example\n  login robot\n  password n3tp4ss\n', 'n3tp4ss'],
    ['.npmrc', '//registry.example/:_authToken=npm_t0ken\nalways-auth=true\n', 'npm_t0ken'],
    ['.npmrc, quoted', '//registry.example/:_authToken="npm_t0ken"', 'npm_t0ken'],
    ['.npmrc, password in base64', `//registry.example/:_password=${encode('pa55word')}`, 'pa55word'],
    ['.npmrc, user and password', `_auth = ${encode('robot:pa55word')}`, 'pa55word'],
    ['.git-credentials', 'https://robot:g1t-t0ken@git.example', 'g1t-t0ken'],
    ['.git-credentials, encoded', 'https://robot:g1t%2Ft0ken@git.example', 'g1t/t0ken'],
    ['an environment file', 'export API_KEY="k3y-123456"\n', 'k3y-123456'],
    ['YAML', 'password: y4ml-pass\n', 'y4ml-pass'],
  ])('%s', async (_name, file, token) => {
    expect(await mask(file, `<${token}>`)).toBe('<***>')
    expect(await mask(file, 'git.example registry.example true')).toBe('git.example registry.example true')
  })
})

describe('base64 of a secret', () => {
  const secret = 'tok-9f8e7d6c5b4a39281706f5e4d3c2b1a0-and-a-tail-that-makes-it-longer-than-one-line'
  const wrap = (text: string, width: number) => text.match(new RegExp(`.{1,${width}}`, 'g')) ?? []
  const maskAll = async (lines: readonly string[]) => {
    const one = await maskOf({ key: encode(secret) })
    return lines.map((line) => one(line))
  }
  test.each([64, 70, 76])('wrapped after %i characters', async (width) => {
    const lines = wrap(encode(`${secret}\n`), width)
    expect(lines.length).toBeGreaterThan(1)
    expect(new Set(await maskAll(lines))).toEqual(new Set(['***']))
  })
  test.each([0, 1, 2, 3, 40, 75])('after %i other bytes', async (before) => {
    const masked = (await maskAll(wrap(encode(`${'x'.repeat(before)}${secret}`), 76))).join('\n')
    const decoded = masked.split('\n').map((line) => Buffer.from(line, 'base64').toString('latin1'))
    for (let i = 0; i + 6 <= secret.length; i++) {
      for (const text of decoded) expect(text).not.toContain(secret.slice(i, i + 6))
    }
  })
  test('in a line with other words, such as a header', async () => {
    const header = `Authorization: Basic ${encode(`robot:${secret}`)}, and more`
    expect(await maskAll([header])).toEqual(['Authorization: Basic ***, and more'])
  })
  test('the rest of a wrapped text goes too, and what follows it stays', async () => {
    const [first = '', ...rest] = wrap(encode(`${secret}${'y'.repeat(50)}`), 76)
    expect(await maskAll([first, ...rest, 'done'])).toEqual(['***', ...rest.map(() => '***'), 'done'])
  })
  test('base64 of something else stays', async () => {
    const other = encode('nothing of it here, though it is long enough to be wrapped by every program')
    expect(await maskAll([other, '/usr/src/linux-headers-6.1.0/scripts/Makefile.build'])).toEqual([
      other,
      '/usr/src/linux-headers-6.1.0/scripts/Makefile.build',
    ])
  })
})

test.each([
  [
    'as part of a URL',
    's3cr3t/&x',
    `https://host/?t=${encodeURIComponent('s3cr3t/&x')}`,
    'https://host/?t=***',
  ],
  ['in JSON', 's3"cr3t', JSON.stringify({ t: 's3"cr3t' }), '{"t":"***"}'],
])('%s', async (_name, value, line, expected) => {
  expect(await mask(value, line)).toBe(expected)
})

describe('userinfo in URLs', () => {
  const plain = masker()
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
