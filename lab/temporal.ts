import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Connection } from '@temporalio/client'
import { msToTs } from '@temporalio/common/lib/time.js'
import { searchAttributeTypes } from '../api/searchAttributes.ts'
import { flags } from './flags.ts'
import { openRelay } from './relay.ts'
import type { ProgramPaths } from './programPaths.ts'
import type { ManagedProcess, Supervisor } from './supervisor.ts'

/** How long the lab keeps the history of closed runs. */
const retention = '30 days'

/** A running Temporal dev server. */
export interface Temporal {
  /** HOST:PORT of the gRPC service. */
  readonly address: string
  /** HOST:PORT by which pods reach it, or null when they cannot. */
  readonly podAddress: string | null
  readonly namespace: string
  /** http://HOST:PORT of the UI, or null when it was not asked for. */
  readonly ui: string | null
  readonly process: ManagedProcess
}

/**
 * Starts a Temporal dev server with our search attributes and the namespace `namespace` (30 days of retention).
 * `database`: file that keeps everything; in memory without it. Throws a ProgramError.
 */
export async function startTemporal(options: {
  readonly supervisor: Supervisor
  readonly programs: ProgramPaths
  readonly port: number
  readonly uiPort?: number
  readonly namespace: string
  readonly database?: string
  /** An address of this machine by which pods reach it. The dev server itself works on one address only. */
  readonly podHost?: string
}): Promise<Temporal> {
  const { supervisor, programs, port, uiPort, namespace, database, podHost } = options
  const ip = '127.0.0.1'
  const address = `${ip}:${port}`
  if (database !== undefined) mkdirSync(dirname(database), { recursive: true })
  const process = await supervisor.start({
    name: 'temporal',
    command: [
      await programs.path('temporal'),
      'server',
      'start-dev',
      ...flags({
        ip,
        port,
        headless: uiPort === undefined,
        'ui-port': uiPort,
        namespace,
        'db-filename': database,
      }),
      ...Object.entries(searchAttributeTypes).map(([name, type]) => `--search-attribute=${name}=${type}`),
      // A write-ahead log without fsync is as fast as memory and safe against a killed server.
      ...(database === undefined
        ? []
        : ['--sqlite-pragma=journal_mode=WAL', '--sqlite-pragma=synchronous=OFF']),
    ],
    ready: { probe: () => prepareNamespace(address, namespace), timeoutMs: 60_000 },
    fix: 'see the log, or begin anew with --fresh',
  })
  if (podHost !== undefined) await openRelay(podHost, address, { port })
  const podAddress = podHost === undefined ? null : `${podHost}:${port}`
  return {
    address,
    podAddress,
    namespace,
    ui: uiPort === undefined ? null : `http://${ip}:${uiPort}`,
    process,
  }
}

/** Ready when the namespace has its retention and all search attributes can be used. */
async function prepareNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' })
  try {
    const { workflowService, operatorService } = connection
    await workflowService.updateNamespace({
      namespace,
      config: { workflowExecutionRetentionTtl: msToTs(retention) },
    })
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace })
    const missing = Object.keys(searchAttributeTypes).filter((name) => !(name in customAttributes))
    if (missing.length > 0) throw new Error(`search attributes not there yet: ${missing.join(', ')}`)
  } finally {
    await connection.close()
  }
}
