import { DefaultLogger, Runtime, type LogLevel, type MetricsExporterConfig } from '@temporalio/worker'
import { pino, type DestinationStream, type Logger } from 'pino'
import { withEscapes } from '../api/text/printableJson.ts'

const levels: Readonly<Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'>> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
}

/**
 * The process's log: one JSON object a line on stdout. `KMM_LOG_LEVEL` sets the level, `info` by default. People read it
 * on terminals, so what a terminal would act on is escaped.
 */
export function createLog(destination: DestinationStream = pino.destination(1)): Logger {
  const timestamp = pino.stdTimeFunctions.isoTime
  const level = process.env['KMM_LOG_LEVEL'] ?? 'info'
  return pino({ level, base: null, timestamp, hooks: { streamWrite: withEscapes } }, destination)
}

/**
 * Sends what the Temporal SDK and its core log into ours, and its metrics where `metrics` says. Before any connection,
 * once per process.
 */
export function installTemporalRuntime(log: Logger, metrics: MetricsExporterConfig | undefined): void {
  const logger = new DefaultLogger('INFO', ({ level, message, meta }) =>
    log[levels[level]](meta ?? {}, message),
  )
  const filter = { core: 'WARN', other: 'WARN' } as const
  Runtime.install({
    logger,
    // The operator ends itself: watcher, workers and connections in their order.
    shutdownSignals: [],
    telemetryOptions: { logging: { filter, forward: {} }, ...(metrics === undefined ? {} : { metrics }) },
  })
}
