#!/usr/bin/env node
import type { Logger } from 'pino'
import { type OperatorEvent, recordOperatorEvent } from '../activities/events/operatorEvent.ts'
import { createKube } from '../activities/kube/client.ts'
import { readConfiguration } from './configuration.ts'
import { runConfigured } from './configuredOperator.ts'
import { createHealth } from './health.ts'
import { createLog } from './log.ts'
import { runOperator } from './operator.ts'
import { type ProcessOptions, readOptions, UsageRequest } from './options.ts'
import { type Fault, faultText } from './preconditions/precondition.ts'
import { createTemporalRuntime } from './temporalRuntime.ts'

/** The operator: Temporal workers, watcher and health endpoints in one process, until SIGTERM or Ctrl-C. */
async function main(options: ProcessOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const health = createHealth()
  const kube = createKube(options.kubeconfig)
  const temporalRuntime = createTemporalRuntime(log)
  const record = (event: OperatorEvent) => {
    recordOperatorEvent(kube, options, event).catch((error: unknown) =>
      log.warn({ err: error, reason: event.reason }, 'could not record an Event of the operator'),
    )
  }
  const report = (fault: Fault) =>
    record({ type: 'Warning', reason: fault.reason, message: faultText(fault) })
  try {
    await runConfigured(
      {
        log,
        health,
        read: () => readConfiguration(options.configFile, process.env),
        record,
        run: async (config, ending) => {
          const temporalMetricsUrl = await temporalRuntime.install(config.metrics)
          await runOperator({ ...options, config }, { log, health, temporalMetricsUrl, report }, ending)
        },
      },
      signal,
    )
  } finally {
    health.close()
    await kube.close()
    await temporalRuntime.close()
  }
}

const log = createLog()
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

try {
  await main(readOptions(process.argv.slice(2), process.env), log, stopping.signal)
} catch (error) {
  if (error instanceof UsageRequest) {
    process.stdout.write(`${error.message}\n`)
  } else if (!stopping.signal.aborted) {
    log.fatal({ err: error }, 'the operator cannot go on')
    process.exitCode = 1
  }
}
