import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCredentials } from './credentials.ts'
import { signedFile, splitSignature, withoutSignature } from './moduleSignature.ts'
import { signFiles } from './signFiles.ts'
import { keyAndCertificate } from './testing/keyAndCertificate.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kmm-signer-'))
})
afterAll(async () => await rm(folder, { recursive: true, force: true }))

const credentialsOf = (type: 'rsa' | 'ec', name = 'one') => {
  const { key, certificate } = keyAndCertificate(folder, type, name)
  return readCredentials(key, certificate)
}

describe.each(['rsa', 'ec'] as const)('a signature by a key of type %s', (type) => {
  const file = Buffer.from('\u007fELF and what follows')

  test('is one that OpenSSL verifies, and ends as the kernel wants it', async () => {
    const signed = signedFile(file, credentialsOf(type))
    const parts = splitSignature(signed)
    expect(parts?.content).toEqual(file)
    expect(signed.subarray(-28).toString()).toBe('~Module signature appended~\n')
    // struct module_signature: algo, hash, id_type (2 is PKCS#7), lengths of signer and key id, padding, length.
    const trailer = signed.subarray(-40, -28)
    expect([...trailer.subarray(0, 8)]).toEqual([0, 0, 2, 0, 0, 0, 0, 0])
    expect(trailer.readUInt32BE(8)).toBe(parts?.message.length)
    const at = (name: string) => join(folder, `${type}-${name}`)
    await writeFile(at('content'), file)
    await writeFile(at('message'), parts?.message ?? '')
    const verify = (content: string) =>
      execFileSync(
        'openssl',
        // prettier-ignore
        ['cms', '-verify', '-binary', '-inform', 'DER', '-in', at('message'), '-content', content,
          '-certfile', join(folder, `${type}-one.crt`), '-nointern', '-noverify', '-out', at('out')],
        { stdio: 'pipe' },
      )
    verify(at('content'))
    await writeFile(at('other'), 'something else')
    expect(() => verify(at('other'))).toThrow()
    const printed = execFileSync('openssl', [
      'cms',
      '-cmsout',
      '-print',
      '-inform',
      'DER',
      '-in',
      at('message'),
    ])
    // The kernel refuses a message with attributes, and needs no certificate in it.
    expect(printed.toString()).toMatch(/certificates:\s+<ABSENT>[^]*signedAttrs:\s+<ABSENT>/)
  })

  test('takes the place of one that is there', () => {
    const first = signedFile(file, credentialsOf(type))
    const second = signedFile(first, credentialsOf(type, 'two'))
    expect(splitSignature(second)?.content).toEqual(file)
    expect(splitSignature(second)?.message).not.toEqual(splitSignature(first)?.message)
    expect(withoutSignature(second)).toEqual(file)
    expect(withoutSignature(file)).toBe(file)
  })
})

describe('key and certificate', () => {
  const pem = (type: 'pkcs1' | 'pkcs8', cipher: object = {}) =>
    Buffer.from(
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
        type,
        format: 'pem',
        ...cipher,
      }),
    )
  const home = mkdtempSync(join(tmpdir(), 'kmm-signer-'))
  const { key, certificate } = keyAndCertificate(home, 'rsa', 'pair')
  rmSync(home, { recursive: true })
  const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
  const strange = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  })
  const secret = { cipher: 'aes-256-cbc', passphrase: 'geheim' }

  test.each<[string, Buffer, Buffer, string, string]>([
    ['no key', Buffer.from('nonsense'), certificate, 'SignKeyInvalid', 'is not a private key'],
    [
      'a broken key',
      Buffer.from('-----BEGIN PRIVATE KEY-----\nAAAA\n'),
      certificate,
      'SignKeyInvalid',
      'is not',
    ],
    ['an encrypted key', pem('pkcs8', secret), certificate, 'SignKeyInvalid', 'is encrypted'],
    ['one in the old form', pem('pkcs1', secret), certificate, 'SignKeyInvalid', 'is encrypted'],
    [
      'a key that the kernel does not verify',
      Buffer.from(ed25519),
      certificate,
      'SignKeyInvalid',
      'is of type ed25519',
    ],
    [
      'a curve that it does not know',
      Buffer.from(strange),
      certificate,
      'SignKeyInvalid',
      'is of type ec secp256k1',
    ],
    ['no certificate', key, Buffer.from('nonsense'), 'SignCertInvalid', 'X.509'],
    [
      'the certificate of another key',
      pem('pkcs1'),
      certificate,
      'SignKeyMismatch',
      'is not of the private key',
    ],
  ])('%s is refused', (_what, someKey, someCertificate, reason, says) => {
    const read = () => readCredentials(someKey, someCertificate)
    expect(read).toThrow(
      expect.objectContaining({ reason, message: expect.stringContaining(says) as unknown }),
    )
  })

  test('both are taken as DER, too', () => {
    const { key: asKey, certificate: asCertificate } = readCredentials(key, certificate)
    const der = asKey.export({ type: 'pkcs8', format: 'der' })
    expect(readCredentials(der, asCertificate.raw).certificate.subject).toBe(asCertificate.subject)
  })
})

describe('files to sign', () => {
  const image = '/opt/lib/modules/6.1.0'
  let tree: string
  let context: string
  beforeAll(async () => {
    tree = join(folder, 'tree')
    context = join(folder, 'context')
    const put = async (path: string, text: string) => {
      await mkdir(dirname(join(tree, path)), { recursive: true })
      await writeFile(join(tree, path), text)
    }
    await put('a.ko', 'a')
    await put('extra/b1.ko', 'b1')
    await put('extra/b2.ko', 'b2')
    await put('c.ko.xz', 'c')
    await chmod(join(tree, 'a.ko'), 0o6755)
    await writeFile(join(folder, 'outside'), 'secret')
    await symlink('../outside', join(tree, 'out.ko'))
    await symlink('/nowhere', join(tree, 'nowhere.ko'))
    await symlink('a.ko', join(tree, 'link.ko'))
  })
  const run = (...files: string[]) =>
    signFiles({ source: 'reg.example/u@sha256:1', folder: image, files }, credentialsOf('rsa'), {
      tree,
      context,
    })

  test('each is signed once, under its own path, for one layer over the image', async () => {
    const signed = await run(
      `${image}/extra/b?.ko`,
      `${image}/a.ko`,
      `${image}/extra/b[12].ko`,
      `${image}/l*.ko`,
    )
    const names = ['a.ko', 'extra/b1.ko', 'extra/b2.ko', 'link.ko'].map((name) => `${image}/${name}`)
    expect(signed).toEqual(names)
    const contents = await Promise.all(names.map((name) => readFile(join(context, 'files', name))))
    expect(contents.map((content) => splitSignature(content)?.content.toString())).toEqual([
      'a',
      'b1',
      'b2',
      'a',
    ])
    const modes = await Promise.all(
      names.map(async (name) => (await stat(join(context, 'files', name))).mode & 0o7777),
    )
    expect(modes).toEqual([0o755, 0o644, 0o644, 0o755])
    expect(await readFile(join(context, 'Dockerfile'), 'utf8')).toBe(
      'FROM reg.example/u@sha256:1\nCOPY files/ /\n',
    )
  })

  test.each<[string, string, string, string]>([
    ['a path that is not there', 'x.ko', 'FilesToSignMissing', `the image has no file ${image}/x.ko`],
    [
      'a pattern without a match',
      'extra/z*.ko',
      'FilesToSignMissing',
      `the image has no file ${image}/extra/z*.ko`,
    ],
    ['a compressed module', 'c.ko.xz', 'FileNotSignable', 'is compressed'],
    ['a folder', 'extra', 'FileNotSignable', 'is no file'],
    ['a link out of the image', 'out.ko', 'FileNotSignable', 'leads out'],
    ['a link to nowhere', 'nowhere.ko', 'FileNotSignable', 'leads out'],
  ])('%s is refused', async (_what, path, reason, says) => {
    const message = expect.stringContaining(says) as unknown
    await expect(run(`${image}/a.ko`, `${image}/${path}`)).rejects.toMatchObject({ reason, message })
  })
})
