/** Well within the 20 s heartbeat timeout; the SDK throttles what is more often than it needs. */
const intervalMs = 4_000

/** Runs work while beating on a clock, so that a lost operator is told from a long wait. */
export async function heartbeating<T>(beat: () => void, work: () => Promise<T>): Promise<T> {
  beat()
  const timer = setInterval(beat, intervalMs)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}
