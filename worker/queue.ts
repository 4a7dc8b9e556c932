import { createBackoff, type Backoff } from '../activities/kube/backoff.ts'

export interface QueueOptions {
  /** Looks after one key; it reads what is true now, so one call answers any number of adds before it. */
  readonly handle: (key: string) => Promise<void>
  /** Keys handled at the same time. */
  readonly concurrency: number
  /** Told of a handler that failed, and when its key comes back. */
  readonly onError: (key: string, error: unknown, retryInMs: number) => void
  /** Bounds of the random wait before a key whose handler failed is handled again. */
  readonly firstBackoffMs?: number
  readonly longestBackoffMs?: number
}

/**
 * A work queue of keys as in client-go: a key waits at most once and is handled by one handler at a time; a key
 * added while it is handled is handled once more afterwards; a failed key comes back by itself.
 */
export interface Queue {
  /** Handle this key soon. */
  add(key: string): void
  /** Handle it after a time; an earlier `addAfter` of the key is not put off. */
  addAfter(key: string, ms: number): void
  /** Keys that wait their turn, and keys being handled. Keys that wait for a time are not counted. */
  readonly size: number
  /** Resolves when nothing waits its turn and nothing is handled. */
  drain(): Promise<void>
  /** Handles nothing more; resolves when the handlers that run have ended. */
  stop(): Promise<void>
}

/** Starts a queue. */
export function createQueue(options: QueueOptions): Queue {
  const { handle, concurrency, onError, firstBackoffMs = 1_000, longestBackoffMs = 300_000 } = options
  /** In order of arrival. */
  const waiting = new Set<string>()
  const handled = new Set<string>()
  /** Added while they were handled. */
  const dirty = new Set<string>()
  const timers = new Map<string, { readonly at: number; readonly timer: NodeJS.Timeout }>()
  const failures = new Map<string, Backoff>()
  const idle = new Set<() => void>()
  let stopped = false

  function add(key: string): void {
    if (stopped) return
    if (handled.has(key)) dirty.add(key)
    else waiting.add(key)
    pump()
  }

  function addAfter(key: string, ms: number): void {
    if (stopped) return
    const at = Date.now() + ms
    const former = timers.get(key)
    if (former !== undefined && former.at <= at) return
    clearTimeout(former?.timer)
    const timer = setTimeout(() => {
      timers.delete(key)
      add(key)
    }, ms)
    timers.set(key, { at, timer })
  }

  function pump(): void {
    for (const key of waiting) {
      if (handled.size >= concurrency) return
      waiting.delete(key)
      handled.add(key)
      void process(key)
    }
  }

  async function process(key: string): Promise<void> {
    try {
      await handle(key)
      failures.delete(key)
    } catch (error) {
      let backoff = failures.get(key)
      if (backoff === undefined) {
        backoff = createBackoff({ firstMs: firstBackoffMs, longestMs: longestBackoffMs })
        failures.set(key, backoff)
      }
      const retryInMs = Math.round(backoff.next())
      addAfter(key, retryInMs)
      onError(key, error, retryInMs)
    }
    handled.delete(key)
    if (dirty.delete(key)) add(key)
    pump()
    if (waiting.size + handled.size > 0) return
    for (const resolve of idle) resolve()
    idle.clear()
  }

  async function drain(): Promise<void> {
    if (waiting.size + handled.size > 0) await new Promise<void>((resolve) => idle.add(resolve))
  }

  return {
    add,
    addAfter,
    get size() {
      return waiting.size + handled.size
    },
    drain,
    async stop() {
      stopped = true
      waiting.clear()
      for (const { timer } of timers.values()) clearTimeout(timer)
      timers.clear()
      await drain()
    },
  }
}
