/** Waiting times between attempts. */
export interface Backoff {
  /** Milliseconds to wait now; the next answer is longer. */
  next(): number
  /** Something worked: begin anew. */
  reset(): void
}

/**
 * Full jitter: a random time below a limit that doubles from `firstMs` to `longestMs`, so that clients that lost
 * the same server do not come back at the same moment.
 */
export function createBackoff({
  firstMs,
  longestMs,
}: {
  readonly firstMs: number
  readonly longestMs: number
}): Backoff {
  let limit = firstMs
  return {
    next() {
      const wait = Math.random() * limit
      limit = Math.min(limit * 2, longestMs)
      return wait
    },
    reset() {
      limit = firstMs
    },
  }
}
