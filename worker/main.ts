#!/usr/bin/env node
import { createLog } from './log.ts'
import { runOperator } from './operator.ts'
import { readOptions, UsageRequest } from './options.ts'

/** The operator: Temporal workers, watcher and health endpoints in one process, until SIGTERM or Ctrl-C. */
const log = createLog()
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

try {
  await runOperator(readOptions(process.argv.slice(2), process.env), log, stopping.signal)
} catch (error) {
  if (error instanceof UsageRequest) {
    process.stdout.write(`${error.message}\n`)
  } else if (!stopping.signal.aborted) {
    log.fatal({ err: error }, 'the operator cannot go on')
    process.exitCode = 1
  }
}
