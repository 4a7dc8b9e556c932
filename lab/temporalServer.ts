import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { openAuthority } from './certificates.ts'
import { freePorts } from './ports.ts'
import type { ProgramPaths } from './programPaths.ts'
import type { ManagedProcess, Supervisor } from './supervisor.ts'

/** The configuration of the embedded Temporal, as the chart installs it. */
const shippedConfig = join(import.meta.dirname, '../deploy/chart/files/temporal/server.yaml')

/** A running Temporal server with SQLite on disk and mutual TLS. */
export interface TemporalServer {
  /** HOST:PORT of the frontend. It has no namespace yet. */
  readonly address: string
  /** Files with which a client connects. */
  readonly client: { readonly caFile: string; readonly certFile: string; readonly keyFile: string }
  readonly process: ManagedProcess
}

export interface TemporalServerOptions {
  readonly supervisor: Supervisor
  readonly programs: ProgramPaths
  /** Database, certificates and configuration; what is there from before is used again. */
  readonly dir: string
  /** Of the frontend; a free one by default. */
  readonly port?: number
  /** Address on which the frontend listens, and names of its certificate beside loopback; loopback by default. */
  readonly listen?: { readonly ip: string; readonly hosts: readonly string[] }
  /**
   * `clientCertificates`: mutual TLS. `tokens`: TLS, and each call needs a JWT that a key at this URL (a JWKS) has
   * signed, which is how this server knows API keys.
   */
  readonly authentication?:
    | { readonly kind: 'clientCertificates' }
    | { readonly kind: 'tokens'; readonly jwksUrl: string }
}

/** What the server runs when calls need a token: its own parts have none, and call the internal frontend. */
const withInternalFrontend = ['frontend', 'internal-frontend', 'history', 'matching', 'worker'].flatMap(
  (service) => ['--service', service],
)

/** Starts the server's own binary as the chart does, with files and ports of its own. Throws a ProgramError. */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const { supervisor, programs, dir, listen = { ip: '127.0.0.1', hosts: [] } } = options
  mkdirSync(join(dir, 'config'), { recursive: true, mode: 0o700 })
  const authority = await openAuthority(join(dir, 'tls'))
  const hosts = ['kmm-operator-temporal', 'localhost', '127.0.0.1', ...listen.hosts]
  const server = await authority.issue({ name: 'server', commonName: 'kmm-operator-temporal', hosts })
  const client = await authority.issue({ name: 'client', commonName: 'kmm-operator' })
  const [port = 0, ...others] = await freePorts(10)
  const frontendPort = options.port ?? port
  const { certFile: caFile } = authority
  writeFileSync(
    join(dir, 'config/server.yaml'),
    stringify(
      configure(parse(readFileSync(shippedConfig, 'utf8')) as ShippedConfig, {
        ports: [frontendPort, ...others],
        ip: listen.ip,
        database: join(dir, 'temporal.db'),
        tls: { ...server, caFile },
        authentication: options.authentication ?? { kind: 'clientCertificates' },
      }),
    ),
  )
  // Who has a client certificate may do everything.
  const isOpen = options.authentication?.kind !== 'tokens'
  const process = await supervisor.start({
    name: 'temporal-server',
    command: [
      await programs.path('temporal-server'),
      '--root',
      dir,
      '--config',
      'config',
      '--env',
      'server',
      ...(isOpen ? ['--allow-no-auth', 'start'] : ['start', ...withInternalFrontend]),
    ],
    ready: { probe: async () => await accepts(frontendPort), timeoutMs: 120_000 },
    fix: 'see the log',
  })
  return { address: `127.0.0.1:${frontendPort}`, client: { caFile, ...client }, process }
}

/** What is changed of the shipped configuration. */
interface ShippedConfig {
  readonly persistence: { datastores: { sqlite: { sql: { databaseName: string } } } }
  readonly global: {
    tls: Record<'internode' | 'frontend', { server: ServerTls; client: ClientTls }> & {
      systemWorker: { certFile: string; keyFile: string; client: ClientTls }
    }
    authorization?: unknown
  }
  readonly services: Record<string, { rpc: Rpc }>
  readonly clusterMetadata: { clusterInformation: { active: { rpcAddress: string } } }
}
interface Rpc {
  grpcPort: number
  membershipPort: number
  bindOnIP?: string
  bindOnLocalHost?: boolean
}
interface ServerTls {
  certFile: string
  keyFile: string
  requireClientAuth: boolean
  clientCaFiles: string[]
}
interface ClientTls {
  rootCaFiles: string[]
}

function configure(
  config: ShippedConfig,
  given: {
    readonly ports: readonly number[]
    readonly ip: string
    readonly database: string
    readonly tls: { readonly certFile: string; readonly keyFile: string; readonly caFile: string }
    readonly authentication: NonNullable<TemporalServerOptions['authentication']>
  },
): ShippedConfig {
  const { certFile, keyFile, caFile } = given.tls
  const pair = { certFile, keyFile }
  const { tls } = config.global
  config.persistence.datastores.sqlite.sql.databaseName = given.database
  for (const group of ['internode', 'frontend'] as const) {
    tls[group] = {
      server: { ...tls[group].server, ...pair, clientCaFiles: [caFile] },
      client: { ...tls[group].client, rootCaFiles: [caFile] },
    }
  }
  tls.systemWorker = { ...pair, client: { ...tls.systemWorker.client, rootCaFiles: [caFile] } }
  if (given.authentication.kind === 'tokens') {
    tls.frontend.server.requireClientAuth = false
    config.services['internal-frontend'] = { rpc: { grpcPort: 0, membershipPort: 0, bindOnLocalHost: true } }
    config.global.authorization = {
      jwtKeyProvider: { keySourceURIs: [given.authentication.jwksUrl], refreshInterval: '1m' },
      permissionsClaimName: 'permissions',
      authorizer: 'default',
      claimMapper: 'default',
    }
  }
  const ports = given.ports.values()
  for (const { rpc } of Object.values(config.services)) {
    rpc.grpcPort = ports.next().value ?? 0
    rpc.membershipPort = ports.next().value ?? 0
  }
  const { frontend } = config.services
  if (frontend !== undefined) frontend.rpc.bindOnIP = given.ip
  config.clusterMetadata.clusterInformation.active.rpcAddress = `127.0.0.1:${given.ports[0]}`
  return config
}

/** Resolves when something listens there. That it serves is for clients to find out: they wait. */
async function accepts(port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect(port, '127.0.0.1', resolve).once('error', reject)
  await promise.finally(() => socket.destroy())
}
