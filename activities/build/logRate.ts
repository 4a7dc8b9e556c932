import { setImmediate as othersTurn, setTimeout as sleep } from 'node:timers/promises'

/** What a line costs beside its bytes: a log of empty lines is no less work. */
const lineBytes = 64
/** Milliseconds of work after which others have their turn. */
const sliceMs = 10

/** In milliseconds. */
interface Clock {
  readonly now: () => number
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

const processClock: Clock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => await sleep(ms, undefined, signal && { signal }),
}

/** Bounds how fast all logs together are read, so that those of some builds leave the operator time for the rest. */
export class LogRate {
  readonly #bytesPerMs: number
  readonly #burstMs: number
  readonly #clock: Clock
  #free = 0
  #since = 0

  /** `burst`: bytes that are read at once after a pause. */
  constructor(bytesPerSecond: number, burst: number, clock: Clock = processClock) {
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#burstMs = burst / this.#bytesPerMs
    this.#clock = clock
  }

  /** Resolves when so much may be read; others have had their turn by then, when it has been long. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const now = this.#clock.now()
    this.#free = Math.max(this.#free, now - this.#burstMs) + bytes / this.#bytesPerMs
    if (this.#free - now > sliceMs) await this.#clock.sleep(this.#free - now, signal)
    else if (now - this.#since > sliceMs) await othersTurn()
    else return
    this.#since = this.#clock.now()
  }
}

/** What reading these pieces of a log costs, in bytes. */
export function costOf(pieces: readonly { readonly text: string }[]): number {
  return pieces.reduce((sum, { text }) => sum + text.length + lineBytes, 0)
}

/** Of this process: about a third of one core, half of it with large Secrets. */
export const logRate = new LogRate(8 * 1024 * 1024, 8 * 1024 * 1024)
