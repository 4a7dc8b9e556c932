/** So many last words may be written ahead of the rate. */
const lastWordsAhead = 5

/**
 * How often a run writes into status what nodes came to: on average once in `intervalMs`, however many nodes come, load
 * and fail. Each write uses up one interval. What is out of date soon waits until all are over; a last word waits only
 * when many were written before it, so that a Module that is loaded is said to be at once.
 */
export class WritePace {
  readonly #intervalMs: number
  #usedUpUntil = Number.NEGATIVE_INFINITY

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** How long a write has to wait still, in milliseconds; `now` in milliseconds of any clock that does not go back. */
  owed(news: 'more is to come' | 'last word', now: number): number {
    const ahead = news === 'last word' ? lastWordsAhead * this.#intervalMs : 0
    return Math.max(0, this.#usedUpUntil - ahead - now)
  }

  /** Notes a write, whatever it was about. */
  written(now: number): void {
    this.#usedUpUntil = Math.max(this.#usedUpUntil, now) + this.#intervalMs
  }
}
