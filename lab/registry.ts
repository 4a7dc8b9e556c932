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

/** The one account of a registry with `login: true`. */
export const registryLogin = { username: 'kmm-lab', password: 'kmm-lab-password' } as const
/** bcrypt of that password. */
const htpasswd = 'kmm-lab:$2b$06$N9qo8uLOickgx2ZMRZoMye.WBCg2SEZ5wfWudqhxGngqlkNoc18n6'

/**
 * Starts an OCI registry that allows deletion. `name`: of the process and its log. `login`: it asks for
 * `registryLogin`. `tls`: it speaks TLS with this certificate, else plain HTTP. Throws a ProgramError.
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
  readonly tls?: Certificate
}): Promise<Registry> {
  const { dir, supervisor, programs, address, port, name = 'registry', login = false, tls } = options
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
      ...(login ? { auth: { htpasswd: { realm: 'kmm-lab', path: passwords } } } : {}),
    }),
  )
  const process = await supervisor.start({
    name,
    command: [await programs.path('docker-registry'), 'serve', configFile],
    ready: { probe: tcpProbe(address, port), timeoutMs: 20_000 },
    fix: 'see the log, or begin anew with --fresh',
    stop: { timeoutMs: 3_000 },
  })
  return { host, process }
}
