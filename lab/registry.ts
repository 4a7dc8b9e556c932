import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Certificate } from './certificates.ts'
import { tcpProbe } from './probes.ts'
import type { ProgramPaths } from './programPaths.ts'
import type { ManagedProcess, Supervisor } from './supervisor.ts'

/** A running OCI registry. */
export interface Registry {
  /** HOST:PORT, as it stands in image references. */
  readonly host: string
  readonly process: ManagedProcess
}

/** Bearer tokens that a registry asks for: where clients get them, and who signs them. */
export interface TokenAuth {
  readonly realm: string
  readonly service: string
  readonly issuer: string
  /** PEM of the certificates that signers' certificates come from. */
  readonly authorityFile: string
}

/** The one account of a registry with `login: true`. */
export const registryLogin = { username: 'kmm-lab', password: 'kmm-lab-password' } as const
/** bcrypt of that password. */
const htpasswd = 'kmm-lab:$2b$06$N9qo8uLOickgx2ZMRZoMye.WBCg2SEZ5wfWudqhxGngqlkNoc18n6'

/**
 * Starts an OCI registry that allows deletion. `name`: of the process and its log. `login`: it asks for
 * `registryLogin`; `token`: for tokens instead. `tls`: it speaks TLS with this certificate, else plain HTTP. Throws a ProgramError.
 */
export async function startRegistry(options: {
  /** Folder of images and configuration; kept. */
  readonly dir: string
  readonly supervisor: Supervisor
  readonly programs: ProgramPaths
  readonly address: string
  readonly port: number
  readonly name?: string
  readonly login?: boolean
  readonly token?: TokenAuth
  readonly tls?: Certificate
}): Promise<Registry> {
  const { dir, supervisor, programs, address, port, name = 'registry', login = false, token, tls } = options
  mkdirSync(dir, { recursive: true })
  const configFile = join(dir, 'config.yml')
  const passwords = join(dir, 'htpasswd')
  if (login) writeFileSync(passwords, `${htpasswd}\n`, { mode: 0o600 })
  const host = `${address}:${port}`
  writeFileSync(
    configFile,
    stringify({
      version: 0.1,
      log: { accesslog: { disabled: false }, level: 'warn' },
      storage: { filesystem: { rootdirectory: join(dir, 'data') }, delete: { enabled: true } },
      http: {
        addr: host,
        ...(tls === undefined ? {} : { tls: { certificate: tls.certFile, key: tls.keyFile } }),
      },
      ...authOf(login ? passwords : undefined, token),
    }),
  )
  const process = await supervisor.start({
    name,
    command: [await programs.path('docker-registry'), 'serve', configFile],
    ready: { probe: tcpProbe(address, port), timeoutMs: 60_000 },
    fix: 'see the log, or begin anew with --fresh',
    stop: { timeoutMs: 3_000 },
  })
  return { host, process }
}

function authOf(passwords: string | undefined, token: TokenAuth | undefined): object {
  if (token !== undefined) {
    const { realm, service, issuer, authorityFile: rootcertbundle } = token
    return { auth: { token: { realm, service, issuer, rootcertbundle } } }
  }
  return passwords === undefined ? {} : { auth: { htpasswd: { realm: 'kmm-lab', path: passwords } } }
}
