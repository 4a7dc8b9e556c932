/** Those who wait for something to become true. */
export interface Waiters {
  /** Everyone looks again. */
  wake(): void
  /**
   * Resolves with what `look` finds as soon as it finds something. Rejects with the signal's reason, with what
   * `look` throws, or at the end of it all.
   */
  until<R>(look: () => R | undefined, signal?: AbortSignal): Promise<R>
}

/** `ended`: nothing comes any more; whoever still waits then gets `endError`. */
export function createWaiters(ended: AbortSignal, endError: () => Error): Waiters {
  const waiting = new Set<() => void>()
  return {
    wake() {
      for (const look of waiting) look()
    },
    async until<R>(look: () => R | undefined, signal?: AbortSignal): Promise<R> {
      const result = Promise.withResolvers<R>()
      const attempt = () => {
        try {
          signal?.throwIfAborted()
          const found = look()
          if (found !== undefined) result.resolve(found)
          else if (ended.aborted) result.reject(endError())
        } catch (error) {
          result.reject(error)
        }
      }
      waiting.add(attempt)
      signal?.addEventListener('abort', attempt)
      attempt()
      try {
        return await result.promise
      } finally {
        waiting.delete(attempt)
        signal?.removeEventListener('abort', attempt)
      }
    },
  }
}
