import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runOrThrow } from './programs/exec.ts'

/** Files of a certificate and its private key, PEM. */
export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
}

/** A certificate authority of the lab's own, in one folder, kept from one start to the next. */
export interface Authority extends Certificate {
  /**
   * A certificate signed by this authority, for servers (`hosts`: the names and addresses it speaks for) and
   * clients (the API server takes common name and organisation as user and group). Made once per name and
   * content.
   */
  issue(wanted: {
    readonly name: string
    readonly commonName: string
    readonly organization?: string
    readonly hosts?: readonly string[]
  }): Promise<Certificate>
}

const days = '3650'

/** Opens the authority in `dir`, making it at the first time. Needs the program openssl. */
export async function openAuthority(dir: string): Promise<Authority> {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const ca = filesOf(dir, 'ca')
  if (!existsSync(ca.certFile)) {
    await request(
      dir,
      'ca',
      '/CN=kmm-lab',
      ['basicConstraints=critical,CA:true', 'keyUsage=critical,keyCertSign'],
      [],
    )
  }
  return {
    ...ca,
    async issue({ name, commonName, organization, hosts = [] }) {
      const subject = `${organization === undefined ? '' : `/O=${organization}`}/CN=${commonName}`
      const names = hosts.map((host) => (/^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`))
      const extensions = [
        'basicConstraints=critical,CA:false',
        'keyUsage=critical,digitalSignature,keyEncipherment',
        'extendedKeyUsage=serverAuth,clientAuth',
        ...(names.length === 0 ? [] : [`subjectAltName=${names.join(',')}`]),
      ]
      const content = JSON.stringify([subject, extensions])
      const made = join(dir, `${name}.json`)
      if (!existsSync(made) || readFileSync(made, 'utf8') !== content) {
        await request(dir, name, subject, extensions, ['-CA', ca.certFile, '-CAkey', ca.keyFile])
        writeFileSync(made, content)
      }
      return filesOf(dir, name)
    },
  }
}

/** The RSA key pair that signs service account tokens, made at the first time. */
export function serviceAccountKeys(dir: string): {
  readonly publicFile: string
  readonly privateFile: string
} {
  const publicFile = join(dir, 'service-accounts.pub')
  const privateFile = join(dir, 'service-accounts.key')
  if (!existsSync(publicFile)) {
    const pair = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    writeFileSync(privateFile, pair.privateKey, { mode: 0o600 })
    writeFileSync(publicFile, pair.publicKey)
  }
  return { publicFile, privateFile }
}

/** The token of the lab's administrator (group system:masters) and the API server's token file with it. */
export function adminToken(dir: string): { readonly token: string; readonly tokenFile: string } {
  const tokenFile = join(dir, 'tokens.csv')
  if (!existsSync(tokenFile)) {
    const token = randomBytes(24).toString('hex')
    writeFileSync(tokenFile, `${token},kmm-lab-admin,kmm-lab-admin,"system:masters"\n`, { mode: 0o600 })
  }
  const token = readFileSync(tokenFile, 'utf8').split(',')[0] ?? ''
  return { token, tokenFile }
}

function filesOf(dir: string, name: string): Certificate {
  return { certFile: join(dir, `${name}.crt`), keyFile: join(dir, `${name}.key`) }
}

async function request(
  dir: string,
  name: string,
  subject: string,
  extensions: readonly string[],
  signer: readonly string[],
): Promise<void> {
  const { certFile, keyFile } = filesOf(dir, name)
  const config = join(dir, `${name}.cnf`)
  writeFileSync(config, ['[req]', 'distinguished_name = dn', '[dn]', '[ext]', ...extensions, ''].join('\n'))
  await runOrThrow([
    'openssl',
    'req',
    '-x509',
    ...Object.entries({
      config,
      extensions: 'ext',
      subj: subject,
      days,
      newkey: 'ec',
      pkeyopt: 'ec_paramgen_curve:P-256',
      keyout: keyFile,
      out: certFile,
    }).flatMap(([name, value]) => [`-${name}`, value]),
    '-noenc',
    ...signer,
  ])
}
