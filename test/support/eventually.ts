import { inspect } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long something may take on a slow machine before it counts as never. */
const patienceMs = 600_000
const paceMs = 400
const slowPaceMs = 4_000
const shown = { depth: 8, breakLength: 100, maxStringLength: 2_000 }

/**
 * Looks again and again until `check` takes what it sees: returns anything but false and throws nothing (so it may
 * hold `expect`). Resolves with what was taken. Throws with `what`, the last thing seen and why it was not taken.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T> | T,
  check: (seen: T) => unknown,
  timeoutMs = patienceMs,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  let last: { readonly seen: unknown } | undefined
  let why = ''
  for (;;) {
    const begun = performance.now()
    try {
      const seen = await look()
      last = { seen }
      why = 'it is not what is waited for'
      if (check(seen) !== false) return seen
    } catch (error) {
      why = error instanceof Error ? error.message : String(error)
    }
    const now = performance.now()
    if (now > deadline) {
      const seen = last === undefined ? 'nothing' : inspect(last.seen, shown)
      throw new Error(`waited ${timeoutMs / 1000} s for: ${what}\nlast seen: ${seen}\nbut: ${why}`)
    }
    // A look that is dear, such as a process of its own, takes a quarter of the time.
    await sleep(Math.min(slowPaceMs, Math.max(paceMs, 3 * (now - begun))))
  }
}
