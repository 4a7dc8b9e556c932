/** Pauses before a failed action is tried again by itself, in milliseconds: doubled each time, up to the longest. */
const paces = {
  passing: { first: 5_000, longest: 5 * 60_000, tries: Number.POSITIVE_INFINITY },
  endedByCluster: { first: 10_000, longest: 60_000, tries: 3 },
} as const

/** Why an action failed, as far as it matters for trying again. */
export type FailureClass = keyof typeof paces | 'held'

/**
 * How long to wait after so many failures in a row; undefined: until something changes. What passes by itself (a
 * module in use, an image that could not be pulled in time) is tried for as long as it takes; a pod that the cluster
 * ended (evicted, no room, node lost) a few times (nodes:STM-7 Better).
 */
export function pauseAfter(failure: FailureClass, attempts: number): number | undefined {
  if (failure === 'held') return undefined
  const { first, longest, tries } = paces[failure]
  return attempts > tries ? undefined : Math.min(first * 2 ** (attempts - 1), longest)
}
