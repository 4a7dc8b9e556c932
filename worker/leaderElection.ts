import { setTimeout as sleep } from 'node:timers/promises'
import type { Kube, WriteBody } from '../activities/kube/kube.ts'
import { type Lease, leases } from '../activities/kube/resources.ts'

/** Where it tells of gained and lost leadership; a pino logger fits. */
export interface ElectionLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
}

export interface ElectionOptions {
  /** Of the Lease. */
  readonly namespace: string
  /** Of the Lease: KMM's `leaderElection.resourceID`. */
  readonly name: string
  /** Of this process; another for each start, or the new one would share the place of the old. */
  readonly identity: string
  readonly log: ElectionLog
  /** Ends it. */
  readonly signal: AbortSignal
  readonly timing?: ElectionTiming
}

export interface ElectionTiming {
  /** A Lease that was not renewed for so long is free. */
  readonly leaseMs: number
  /** A leader that could not renew for so long gives up; well below `leaseMs`. */
  readonly renewDeadlineMs: number
  readonly retryMs: number
}

/** Those of controller-runtime. */
const defaultTiming: ElectionTiming = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 }

/**
 * Runs `lead` whenever this process holds the Lease, one process at a time. `lead` gets a signal that is aborted
 * when leadership is lost or `signal` ends it, and must then return soon; the Lease is kept, and renewed if
 * possible, until it has. Resolves when `signal` is aborted or `lead` returns of its own accord, having given the
 * Lease up, so that the next leader need not wait; throws what `lead` throws. As in client-go, whether a Lease has
 * run out is told by this process's clock alone, so clocks may differ.
 */
export async function runWhileLeader(
  kube: Pick<Kube, 'get' | 'create' | 'replace'>,
  options: ElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { namespace, name, identity, log, signal, timing = defaultTiming } = options
  const ref = { namespace, name }

  async function acquire(): Promise<Lease | undefined> {
    let observed: { readonly version: string; readonly at: number } | undefined
    while (!signal.aborted) {
      try {
        const lease = await kube.get(leases, ref, signal)
        if (lease === undefined) {
          const created = await kube.create(leases, leaseBody(undefined))
          if (created.kind === 'created') return created.object
        } else {
          const version = lease.metadata.resourceVersion
          if (observed?.version !== version) observed = { version, at: performance.now() }
          const { holderIdentity: holder, leaseDurationSeconds = timing.leaseMs / 1000 } = lease.spec ?? {}
          const runOut = performance.now() - observed.at >= leaseDurationSeconds * 1000
          if (!holder || holder === identity || runOut) {
            const written = await kube.replace(leases, leaseBody(lease))
            if (written.kind === 'written') return written.object
          }
        }
      } catch (error) {
        if (!signal.aborted) log.warn({ lease: ref, err: error }, 'could not ask for the lease; trying again')
      }
      await pause(signal)
    }
    return undefined
  }

  /** Leads until it is lost or over. Is it over? */
  async function term(acquired: Lease): Promise<boolean> {
    let held: Lease | undefined = acquired
    const lost = new AbortController()
    const over = new AbortController()
    let deadline = setTimeout(lose, timing.renewDeadlineMs)

    function lose(): void {
      held = undefined
      lost.abort(new Error('leadership is lost'))
    }

    async function renew(): Promise<void> {
      for (;;) {
        await pause(over.signal)
        if (over.signal.aborted || held === undefined) return
        const begun = performance.now()
        try {
          const written = await kube.replace(leases, leaseBody(held))
          // Somebody may have put a label on it only.
          const now = written.kind === 'written' ? written.object : await kube.get(leases, ref)
          if (lost.signal.aborted) return
          if (now?.spec?.holderIdentity !== identity) return lose()
          held = now
          if (written.kind !== 'written') continue
          clearTimeout(deadline)
          deadline = setTimeout(lose, timing.renewDeadlineMs - (performance.now() - begun))
        } catch (error) {
          log.warn({ lease: ref, err: error }, 'could not renew the lease; trying again')
        }
      }
    }

    const renewing = renew()
    try {
      await lead(AbortSignal.any([signal, lost.signal]))
      return !lost.signal.aborted
    } finally {
      over.abort()
      await renewing
      clearTimeout(deadline)
      if (held !== undefined) await release(held)
    }
  }

  async function release(held: Lease): Promise<void> {
    try {
      await kube.replace(leases, leaseBody(held, ''))
    } catch (error) {
      log.warn({ lease: ref, err: error }, 'could not give the lease up; it will run out')
    }
  }

  /** The Lease as this process (or, given up, nobody) holds it from now on. */
  function leaseBody(former: Lease | undefined, holder = identity): WriteBody {
    const now = new Date().toISOString().replace('Z', '000Z')
    const { holderIdentity, acquireTime, leaseTransitions = 0 } = former?.spec ?? {}
    const same = holderIdentity === holder
    return {
      apiVersion: leases.apiVersion,
      kind: leases.kind,
      metadata: { ...former?.metadata, ...ref },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: Math.ceil(timing.leaseMs / 1000),
        acquireTime: same && acquireTime !== undefined ? acquireTime : now,
        renewTime: now,
        leaseTransitions:
          same || former === undefined || holder === '' ? leaseTransitions : leaseTransitions + 1,
      },
    }
  }

  async function pause(until: AbortSignal): Promise<void> {
    const jitter = 1 + Math.random() / 5
    await sleep(timing.retryMs * jitter, undefined, { signal: until }).catch(() => undefined)
  }

  for (;;) {
    const lease = await acquire()
    if (lease === undefined) return
    log.info({ lease: ref, identity }, 'leading')
    if (await term(lease)) return
    log.warn({ lease: ref, identity }, 'leadership is lost')
  }
}
