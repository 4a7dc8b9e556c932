/** Opens when every party has passed it once; a party may pass as often as it likes. */
export interface Gate {
  /** A party's own way to pass. */
  join(): () => void
  readonly opened: Promise<void>
}

/** Makes a gate that `seal` closes to new parties; it opens when sealed and all have passed. */
export const createGate = (): Gate & { seal(): void } => {
  const waiting = new Set<symbol>()
  let sealed = false
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  const check = (): void => {
    if (sealed && waiting.size === 0) open()
  }
  return {
    opened,
    join: () => {
      const party = Symbol('party')
      waiting.add(party)
      return () => {
        waiting.delete(party)
        check()
      }
    },
    seal: () => {
      sealed = true
      check()
    },
  }
}

/** Lets `limit` pieces of work run at once; of those that wait, the one with the lowest rank is next. */
export const createQueue = (limit: number) => {
  const waiting: { readonly rank: number; readonly go: () => void }[] = []
  let running = 0
  const next = (): void => {
    if (running >= limit) return
    waiting.sort((a, b) => a.rank - b.rank)
    const first = waiting.shift()
    if (first === undefined) return
    running += 1
    first.go()
  }
  return async <T>(rank: number, work: () => Promise<T>): Promise<T> => {
    await new Promise<void>((go) => {
      waiting.push({ rank, go })
      // Those who ask in the same turn are sorted before one of them starts.
      setImmediate(next)
    })
    try {
      return await work()
    } finally {
      running -= 1
      // The one who just ended may ask again at once; its rank counts.
      setImmediate(next)
    }
  }
}
