import type { Logger } from 'pino'
import type { OperatorEvent } from '../activities/events/operatorEvent.ts'
import type { Health } from './health.ts'
import type { InvalidReading, ValidReading } from './configuration.ts'

export interface ReportTargets {
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly health: Pick<Health, 'setChecks' | 'setNotes'>
  /** Records an Event of the operator. Never throws, and is not waited for. */
  readonly record: (event: OperatorEvent) => void
}

/**
 * Reports faults of the configuration: in the log and as an Event once when they begin, in `/readyz` as long as they
 * last.
 */
export class ConfigurationReports {
  readonly #targets: ReportTargets
  readonly #warned = new Set<string>()
  /** Of the last reading; undefined when it was valid. */
  #faults: string | undefined
  /** Replicas that read the same sequence record the same Events; a fault that returns is an Event again. */
  #events = 0

  constructor(targets: ReportTargets) {
    this.#targets = targets
  }

  /** `lastValid`: the operator runs with an earlier configuration, and stays ready. */
  invalid({ faults, warnings }: InvalidReading, lastValid: 'none' | 'inForce'): void {
    const { health, log } = this.#targets
    this.#warn(warnings)
    const text = faults.join('; ')
    const consequence =
      lastValid === 'inForce'
        ? 'the last valid configuration stays in force'
        : 'the operator starts when this is corrected'
    if (lastValid === 'inForce')
      health.setNotes(faults.map((fault) => `configuration: ${fault} (${consequence})`))
    else health.setChecks({ configuration: () => text })
    if (this.#faults === text) return
    this.#faults = text
    log.error({ faults }, `the configuration is not valid; ${consequence}`)
    this.#record('Warning', 'InvalidConfiguration', `${text}; ${consequence}`)
  }

  /** The configuration in force is as it is read, or will be at once. */
  valid({ warnings }: ValidReading, change: 'first' | 'none' | 'changed'): void {
    const { health, log } = this.#targets
    this.#warn(warnings)
    health.setNotes([])
    const corrected = this.#faults !== undefined
    this.#faults = undefined
    if (change === 'changed') {
      log.info('the configuration has changed; the operator restarts its workers with it')
      return this.#record('Normal', 'ConfigurationReloaded', 'The configuration has changed and is in force.')
    }
    if (!corrected) return
    log.info('the configuration is valid again')
    this.#record('Normal', 'ConfigurationReloaded', 'The configuration is valid again and in force.')
  }

  #warn(warnings: readonly string[]): void {
    for (const warning of warnings) {
      if (this.#warned.has(warning)) continue
      this.#warned.add(warning)
      this.#targets.log.warn(warning)
    }
  }

  #record(type: OperatorEvent['type'], reason: string, message: string): void {
    this.#events += 1
    this.#targets.record({ type, reason, message, key: `${this.#events} ${message}` })
  }
}
