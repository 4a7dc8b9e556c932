import type { Lease } from '../../activities/kube/resources.ts'

/**
 * `free`: nobody holds it. `live`: it is being renewed. `dead`: its holder does not renew it. `unknown`: it is held, and
 * was not observed for long enough.
 */
export type Liveness = 'free' | 'live' | 'dead' | 'unknown'

/** A Lease as this process has observed it. */
export interface ObservedLease {
  readonly lease: Lease
  readonly liveness: Liveness
  /** Milliseconds since it was last observed to be live; undefined when it never was. */
  readonly liveAgoMs: number | undefined
}

interface Observation {
  readonly renewTime: string | undefined
  /** When this renewTime was first observed. */
  readonly since: number
  readonly liveness: Liveness
  readonly liveAt: number | undefined
}

/** Of controller-runtime, where a Lease names no duration. */
const defaultSeconds = 15

/**
 * Tells live Leases from dead ones as client-go does: by whether they change within their duration by this process's own
 * clock. Times in a Lease are those of its holder's clock and are never compared with it.
 */
export function createLeaseObserver(
  now: () => number,
): (leases: readonly Lease[]) => readonly ObservedLease[] {
  let known: ReadonlyMap<string, Observation> = new Map()
  let lookedAt = Number.NEGATIVE_INFINITY

  function observe(lease: Lease, at: number): Observation {
    const { holderIdentity: holder = '', renewTime, leaseDurationSeconds = defaultSeconds } = lease.spec ?? {}
    const before = known.get(lease.metadata.uid)
    const { liveAt } = before ?? {}
    if (holder === '') return { renewTime, since: at, liveness: 'free', liveAt }
    // Whoever takes a free Lease has to be observed anew.
    if (before === undefined || before.liveness === 'free')
      return { renewTime, since: at, liveness: 'unknown', liveAt }
    const durationMs = leaseDurationSeconds * 1000
    if (before.renewTime === renewTime) {
      return at - before.since < durationMs ? before : { ...before, liveness: 'dead' }
    }
    // A change since a look long ago may be old itself.
    if (at - lookedAt > durationMs) return { renewTime, since: at, liveness: 'unknown', liveAt }
    return { renewTime, since: at, liveness: 'live', liveAt: at }
  }

  return (leases) => {
    const at = now()
    const observations = new Map(leases.map((lease) => [lease.metadata.uid, observe(lease, at)]))
    known = observations
    lookedAt = at
    return leases.map((lease) => {
      const { liveness = 'unknown', liveAt } = observations.get(lease.metadata.uid) ?? {}
      return { lease, liveness, liveAgoMs: liveAt === undefined ? undefined : at - liveAt }
    })
  }
}
