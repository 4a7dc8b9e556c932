import { setTimeout as sleep } from 'node:timers/promises'
import { NativeConnection } from '@temporalio/worker'
import type { Logger } from 'pino'
import type { OperatorConfig } from '../../api/config.ts'
import type { Environment } from '../../api/config/environment.ts'
import { oneLine } from '../../api/oneLine.ts'
import { nativeOptions, readEndpoint } from './endpoint.ts'
import { ensureNamespace } from './ensureNamespace.ts'
import { describeFault, type TemporalFault, TemporalFaultError } from './faults.ts'
import { probeTemporal } from './probe.ts'
import { ensureSearchAttributes } from './searchAttributes.ts'

/** First and longest pause between attempts to reach Temporal, in milliseconds. */
const pause = { first: 500, longest: 15_000 }

/** For one call to Temporal while the namespace is prepared, in milliseconds. */
const callPatience = 10_000

export interface ConnectOptions {
  readonly settings: OperatorConfig['temporal']
  /** Where HTTPS_PROXY and NO_PROXY are read, such as `process.env`. */
  readonly environment: Environment
  readonly log: Logger
  /** Ends the attempts: `connectTemporal` then throws the signal's reason. */
  readonly signal: AbortSignal
  /** Gets the reason for readiness each time an attempt fails. */
  readonly onFault: (reason: string) => void
}

/**
 * Connects to Temporal and makes sure that namespace and search attributes are there, trying again as long as it takes.
 * The files of the configuration are read at each attempt.
 */
export async function connectTemporal(options: ConnectOptions): Promise<NativeConnection> {
  const { settings, log, signal, onFault } = options
  let last: string | undefined
  for (let delay = pause.first; ; delay = Math.min(delay * 2, pause.longest)) {
    signal.throwIfAborted()
    const attempt = await tryToConnect(options)
    if (attempt.connection !== undefined) return attempt.connection
    const reason = describeFault(attempt.fault, settings)
    onFault(reason)
    const context = { address: settings.address, namespace: settings.namespace, fault: attempt.fault.kind }
    if (reason !== last) log.warn(context, `Temporal: ${reason}; trying again until it works`)
    else log.debug(context, `Temporal: still ${reason}`)
    last = reason
    await sleep(delay, undefined, { signal })
  }
}

type Attempt =
  | { readonly connection: NativeConnection }
  | { readonly connection?: undefined; readonly fault: TemporalFault }

async function tryToConnect({ settings, environment, signal }: ConnectOptions): Promise<Attempt> {
  let opened: NativeConnection | undefined
  try {
    const endpoint = await readEndpoint(settings, environment)
    const unreachable = await probeTemporal(endpoint, signal)
    if (unreachable !== undefined) return { fault: unreachable }
    const connection = await NativeConnection.connect(nativeOptions(endpoint))
    opened = connection
    const fault = await prepare(connection, settings)
    if (fault === undefined) {
      opened = undefined
      return { connection }
    }
    return { fault }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof TemporalFaultError) return { fault: error.fault }
    return { fault: { kind: 'unreachable', reason: oneLine(error) } }
  } finally {
    await opened?.close()
  }
}

async function prepare(
  connection: NativeConnection,
  settings: OperatorConfig['temporal'],
): Promise<TemporalFault | undefined> {
  return await connection.withDeadline(
    Date.now() + callPatience,
    async () =>
      (await ensureNamespace(connection, settings)) ?? (await ensureSearchAttributes(connection, settings)),
  )
}
