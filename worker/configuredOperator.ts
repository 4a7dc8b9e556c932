import { setTimeout as sleep } from 'node:timers/promises'
import type { OperatorConfig } from '../api/config.ts'
import type { Reading, ValidReading } from './configuration.ts'
import { ConfigurationReports, type ReportTargets } from './configurationReports.ts'
import type { Health } from './health.ts'

/** How often files are read again, in milliseconds. */
const reloadMs = 10_000

export interface ConfiguredOperatorOptions extends ReportTargets {
  readonly health: Pick<Health, 'setChecks' | 'setNotes' | 'listen'>
  readonly read: () => Reading
  /** Runs the operator with one configuration until the signal aborts; rejects when it cannot go on. */
  readonly run: (config: OperatorConfig, signal: AbortSignal) => Promise<void>
  /** Waits until the files are read again. Rejects when the signal aborts. */
  readonly pause?: (signal: AbortSignal) => Promise<unknown>
}

/**
 * Runs the operator with its configuration until the signal aborts. While the first configuration is not valid,
 * nothing runs but the probes. A valid change ends the operator gracefully and starts it with the new configuration;
 * one that is not valid is reported and changes nothing. Rejects with what `run` rejects with.
 */
export async function runConfigured(options: ConfiguredOperatorOptions, signal: AbortSignal): Promise<void> {
  const reports = new ConfigurationReports(options)
  let current: ValidReading | undefined = await firstValid(options, reports, signal)
  while (current !== undefined && !signal.aborted) {
    current = await runUntilChanged(options, reports, current, signal)
  }
}

const everyTenSeconds = async (signal: AbortSignal) => await sleep(reloadMs, undefined, { signal })

async function firstValid(
  { read, health, pause = everyTenSeconds }: ConfiguredOperatorOptions,
  reports: ConfigurationReports,
  signal: AbortSignal,
): Promise<ValidReading> {
  for (;;) {
    const reading = read()
    if (reading.kind === 'valid') {
      await health.listen(reading.config.healthProbeBindAddress)
      health.setChecks({ operator: () => 'it is starting' })
      reports.valid(reading, 'first')
      return reading
    }
    await health.listen(reading.healthProbeBindAddress)
    reports.invalid(reading, 'none')
    await pause(signal)
  }
}

/** Resolves with the next configuration once the operator has ended; with undefined when it ended by the signal. */
async function runUntilChanged(
  options: ConfiguredOperatorOptions,
  reports: ConfigurationReports,
  current: ValidReading,
  signal: AbortSignal,
): Promise<ValidReading | undefined> {
  const changed = new AbortController()
  const ended = new AbortController()
  const watching = nextValid(options, reports, current, AbortSignal.any([signal, ended.signal])).then(
    (found) => {
      changed.abort()
      return found
    },
    (error: unknown) => {
      if (signal.aborted || ended.signal.aborted) return undefined
      changed.abort()
      throw error
    },
  )
  try {
    await options.run(current.config, AbortSignal.any([signal, changed.signal]))
  } catch (error) {
    if (!changed.signal.aborted) throw error
    if (!isAbort(error)) options.log.warn({ err: error }, 'the operator ended with an error')
  } finally {
    ended.abort()
    // Its result, or its error, is taken below.
    await watching.catch(() => undefined)
  }
  return await watching
}

async function nextValid(
  { read, health, pause = everyTenSeconds }: ConfiguredOperatorOptions,
  reports: ConfigurationReports,
  current: ValidReading,
  signal: AbortSignal,
): Promise<ValidReading> {
  for (;;) {
    await pause(signal)
    const reading = read()
    if (reading.kind === 'invalid') {
      reports.invalid(reading, 'inForce')
    } else if (reading.fingerprint === current.fingerprint) {
      reports.valid(reading, 'none')
    } else {
      const { healthProbeBindAddress: address } = reading.config
      try {
        await health.listen(address)
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        const faults = [`healthProbeBindAddress: nothing can be served on ${address}: ${why}`]
        const { warnings } = reading
        reports.invalid({ kind: 'invalid', faults, warnings, healthProbeBindAddress: address }, 'inForce')
        continue
      }
      reports.valid(reading, 'changed')
      return reading
    }
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
