import { createBackoff } from '../../activities/kube/backoff.ts'
import {
  type CheckResult,
  type Fault,
  faultText,
  pause,
  type Precondition,
  type Wait,
} from './precondition.ts'

/** Where transitions are logged; a pino logger fits. */
export interface PreconditionLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
}

export interface RunnerTiming {
  /** Limits of the pause after an unmet check. */
  readonly firstRetryMs: number
  readonly longestRetryMs: number
  /** From the start of the work to the first recheck, and between rechecks. */
  readonly firstRecheckMs: number
  readonly recheckMs: number
}

/**
 * A recheck is one request. Once a minute is far below what the election sends, and a watch of the Leases would bring
 * an event for every renewal instead. The first one comes soon, for operators that start at the same moment.
 */
const defaultTiming: RunnerTiming = {
  firstRetryMs: 2_000,
  longestRetryMs: 60_000,
  firstRecheckMs: 10_000,
  recheckMs: 60_000,
}

export interface RunnerOptions {
  /** Evaluated in this order; the first that is unmet is the one that is reported. */
  readonly preconditions: readonly Precondition[]
  readonly log: PreconditionLog
  /** Ends it. */
  readonly signal: AbortSignal
  /** Makes a fault known outside the process, such as by an Event. Called once for each; must not throw. */
  readonly report: (fault: Fault) => void
  readonly timing?: RunnerTiming
  readonly wait?: Wait
}

/** The work while all preconditions are met. */
export interface Term {
  /** Aborts when a precondition is no longer met, or when the process ends. */
  readonly signal: AbortSignal
  /** Ends the term: the work itself has found that this precondition is not met. */
  end(precondition: Pick<Precondition, 'name'>, fault: Fault): void
}

interface Unmet {
  readonly name: string
  readonly fault: Fault
}

interface Look {
  readonly name: string
  readonly look: () => Promise<CheckResult>
}

/** Runs the operator's work only while its preconditions are met, and reports every transition once. */
export class PreconditionRunner {
  readonly #options: RunnerOptions
  readonly #timing: RunnerTiming
  readonly #wait: Wait
  readonly #warnings = new Map<string, readonly Fault[]>()
  #state: Unmet | 'checking' | 'met' = 'checking'

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#timing = options.timing ?? defaultTiming
    this.#wait = options.wait ?? pause
  }

  /** What keeps the work from running, for /readyz; undefined while it runs. */
  readiness(): string | undefined {
    if (this.#state === 'met') return undefined
    if (this.#state === 'checking') return 'not checked yet'
    return `${this.#state.name}: ${faultText(this.#state.fault)}`
  }

  /** What the work runs without, for people. */
  warnings(): readonly string[] {
    return [...this.#warnings.values()].flat().map(faultText)
  }

  /**
   * Waits until all preconditions are met and runs `work`; when its term ends before the process does, begins again.
   * Resolves when the signal is aborted before the work began, or when the work returns. Throws what the work throws
   * within its term.
   */
  async run(work: (term: Term) => Promise<void>): Promise<void> {
    const { signal } = this.#options
    do {
      await this.#untilMet()
      if (signal.aborted) return
    } while ((await this.#runTerm(work)) === 'ended')
  }

  /** Resolves when all are met, or the signal is aborted. */
  async #untilMet(): Promise<void> {
    const { preconditions, signal, log } = this.#options
    const { firstRetryMs: firstMs, longestRetryMs: longestMs } = this.#timing
    const backoff = createBackoff({ firstMs, longestMs })
    const looks = preconditions.map((each): Look => ({ name: each.name, look: () => each.check(signal) }))
    while (!signal.aborted) {
      const unmet = await this.#evaluate(looks)
      if (signal.aborted) return
      if (unmet === undefined) break
      this.#becomeUnmet(unmet)
      await this.#wait(backoff.next(), signal).catch(() => undefined)
    }
    if (typeof this.#state === 'object')
      log.info({ precondition: this.#state.name }, 'the precondition is met')
    this.#state = 'met'
  }

  async #runTerm(work: (term: Term) => Promise<void>): Promise<'ended' | 'done'> {
    const { signal, log } = this.#options
    const ended = new AbortController()
    const over = new AbortController()
    const term: Term = {
      signal: AbortSignal.any([signal, ended.signal]),
      end: ({ name }, fault) => {
        if (term.signal.aborted) return
        this.#becomeUnmet({ name, fault })
        ended.abort(new Error(fault.message))
      },
    }
    const guarding = this.#guard(term, AbortSignal.any([term.signal, over.signal])).catch(() => undefined)
    try {
      await work(term)
    } catch (error) {
      if (!ended.signal.aborted || signal.aborted) throw error
      if (error !== ended.signal.reason) log.warn({ err: error }, 'the work ended with an error')
    } finally {
      over.abort()
      await guarding
    }
    return ended.signal.aborted && !signal.aborted ? 'ended' : 'done'
  }

  /** Rejects when `over` is aborted. */
  async #guard(term: Term, over: AbortSignal): Promise<void> {
    const looks = this.#options.preconditions.flatMap((each): Look[] => {
      if (each.recheck === undefined) return []
      const recheck = each.recheck.bind(each)
      return [{ name: each.name, look: () => recheck(over) }]
    })
    if (looks.length === 0) return
    const { firstRecheckMs, recheckMs } = this.#timing
    for (let pauseMs = firstRecheckMs; ; pauseMs = recheckMs) {
      await this.#wait(pauseMs, over)
      const unmet = await this.#evaluate(looks)
      over.throwIfAborted()
      // An API server that is away for a moment ends nothing: the work has its own answers to that.
      if (unmet !== undefined && unmet.fault.reason !== unansweredReason) return term.end(unmet, unmet.fault)
    }
  }

  /** The first precondition that is not met. */
  async #evaluate(looks: readonly Look[]): Promise<Unmet | undefined> {
    for (const { name, look } of looks) {
      const result = await look().catch(unanswered)
      if (this.#options.signal.aborted) return undefined
      if (result.kind === 'unmet') return { name, fault: result }
      this.#warn(name, result.warnings ?? [])
    }
    return undefined
  }

  #becomeUnmet(unmet: Unmet): void {
    const before = this.#state
    this.#state = unmet
    if (
      typeof before === 'object' &&
      before.name === unmet.name &&
      before.fault.message === unmet.fault.message
    )
      return
    const { reason, message, fix } = unmet.fault
    this.#options.log.warn({ precondition: unmet.name, reason, fix }, message)
    this.#options.report(unmet.fault)
  }

  #warn(name: string, current: readonly Fault[]): void {
    const known = new Set(this.#warnings.get(name)?.map(({ message }) => message))
    this.#warnings.set(name, current)
    for (const fault of current.filter(({ message }) => !known.has(message))) {
      this.#options.log.warn({ precondition: name, reason: fault.reason, fix: fault.fix }, fault.message)
      this.#options.report(fault)
    }
  }
}

const unansweredReason = 'ApiServerUnavailable'

function unanswered(error: unknown): CheckResult {
  const why = error instanceof Error ? error.message : String(error)
  return {
    kind: 'unmet',
    reason: unansweredReason,
    message: `the API server does not answer: ${why}`,
    fix: 'the operator tries again by itself',
  }
}
