import { isForbidden, KubeError } from '../../activities/kube/errors.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import { type Lease, leases } from '../../activities/kube/resources.ts'
import { oneLine } from '../../api/oneLine.ts'
import { createMayBeOperator } from './leaseHolder.ts'
import { createLeaseObserver, type ObservedLease } from './leaseObserver.ts'
import { type CheckResult, type Fault, pause, type Precondition, type Wait } from './precondition.ts'

/** Of KMM, and the default of this project: two operators of one cluster usually have Leases of this name. */
const kmmLease = 'kmm.sigs.x-k8s.io'

export interface CompetitionTiming {
  /** Between two looks at a Lease of which it is not known yet whether it is live. */
  readonly observeMs: number
  /** An operator that was seen at work and is away is waited for so long: its pod may be on its way back. */
  readonly graceMs: number
  /** A leader waits so long for a younger operator to give way; longer than that one's period of rechecks. */
  readonly patienceMs: number
}

const defaultTiming: CompetitionTiming = { observeMs: 2_000, graceMs: 60_000, patienceMs: 90_000 }

export interface CompetitionOptions {
  readonly kube: Pick<Kube, 'get' | 'list' | 'transport'>
  /** Of the operator's own Lease. */
  readonly namespace: string
  /** Of the operator's own Lease: `leaderElection.resourceID`. */
  readonly name: string
  readonly timing?: CompetitionTiming
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
  readonly wait?: Wait
}

/** May a replica that holds the Lease begin to lead? */
export type LeadVerdict = { readonly kind: 'lead' } | { readonly kind: 'yield'; readonly fault: Fault }

/**
 * No other operator manages the modules of this cluster.
 *
 * A replica begins only while no other operator's Lease is live. Where two are live at once (both started at the same
 * moment, or one was cut off and comes back), the older one leads and the younger one stops. Age is the
 * creationTimestamp of the Lease, which stays the same when leadership moves between replicas. The acquireTime would
 * make an operator younger with each of its rollouts; and KMM, which looks at no other operator and comes back from a
 * rollout with a new acquireTime, would never be given way to.
 */
export interface Competition extends Precondition {
  recheck(signal: AbortSignal): Promise<CheckResult>
  /**
   * To be asked by a replica that has acquired the Lease, before it leads. Only then do two operators that started at
   * the same moment see each other for certain: both have written their Lease before they look.
   */
  beforeLeading(signal: AbortSignal): Promise<LeadVerdict>
}

/** What a look at all Leases shows. `others`: those that an operator can be behind. */
interface Standing {
  readonly own: Lease | undefined
  readonly others: readonly ObservedLease[]
}

export function createCompetition(options: CompetitionOptions): Competition {
  const {
    kube,
    namespace,
    name,
    timing = defaultTiming,
    now = () => performance.now(),
    wait = pause,
  } = options
  const observe = createLeaseObserver(now)
  const mayBeOperator = createMayBeOperator(kube)
  const names = [...new Set([name, kmmLease])]

  async function look(signal: AbortSignal): Promise<Standing> {
    const lists = await Promise.all(
      names.map((each) => kube.list(leases, { fieldSelector: `metadata.name=${each}`, signal })),
    )
    const all = lists.flatMap(({ items }) => items)
    const own = all.find((lease) => lease.metadata.namespace === namespace && lease.metadata.name === name)
    const others = all.filter((lease) => lease !== own || isHeldByKmm(lease))
    return { own, others: observe(await credibleOf(others, signal)) }
  }

  /** A Lease that nobody holds keeps nobody from work, and one in the operator's own namespace is believed. */
  async function credibleOf(all: readonly Lease[], signal: AbortSignal): Promise<Lease[]> {
    const credible: Lease[] = []
    for (const lease of all) {
      const isFree = !lease.spec?.holderIdentity
      if (isFree || lease.metadata.namespace === namespace || (await mayBeOperator(lease, signal)))
        credible.push(lease)
    }
    return credible
  }

  /** Looks until it is known of every Lease whether it is live: at once where nobody holds one. */
  async function settle(signal: AbortSignal): Promise<Standing> {
    for (;;) {
      const standing = await look(signal)
      if (!standing.others.some(({ liveness }) => liveness === 'unknown')) return standing
      await wait(timing.observeMs, signal)
    }
  }

  async function check(signal: AbortSignal): Promise<CheckResult> {
    const { others } = await settle(signal)
    const oldest = liveOf(others).toSorted((a, b) => byAge(a.lease, b.lease))[0]
    if (oldest !== undefined) return { kind: 'unmet', ...inChargeFault(oldest.lease) }
    const away = others.find(({ liveAgoMs = Number.POSITIVE_INFINITY }) => liveAgoMs < timing.graceMs)
    return away === undefined ? { kind: 'met' } : { kind: 'unmet', ...awayFault(away.lease) }
  }

  async function recheck(signal: AbortSignal): Promise<CheckResult> {
    const { own, others } = await settle(signal)
    const older = liveOf(others).find(({ lease }) => isOlder(lease, own))
    if (older !== undefined) return { kind: 'unmet', ...inChargeFault(older.lease) }
    return { kind: 'met', warnings: liveOf(others).map(({ lease }) => youngerFault(lease)) }
  }

  async function beforeLeading(signal: AbortSignal): Promise<LeadVerdict> {
    const since = now()
    for (;;) {
      const standing = await settle(signal).catch((error: unknown) => {
        if (signal.aborted || !(error instanceof KubeError)) throw error
        return isForbidden(error) ? { own: undefined, others: [] } : undefined
      })
      if (standing === undefined) {
        await wait(timing.observeMs, signal)
        continue
      }
      const { own, others } = standing
      const live = liveOf(others)
      const older = live.find(({ lease }) => isOlder(lease, own))
      if (older !== undefined) return { kind: 'yield', fault: inChargeFault(older.lease) }
      if (live.length === 0 || now() - since >= timing.patienceMs) return { kind: 'lead' }
      await wait(timing.observeMs, signal)
    }
  }

  return {
    name: 'Other operators',
    check: async (signal) => await orUnknown(() => check(signal)),
    recheck: async (signal) => await orUnknown(() => recheck(signal)),
    beforeLeading,
  }
}

/** The permissions are a precondition of their own; a right that was taken away later ends no work. */
async function orUnknown(work: () => Promise<CheckResult>): Promise<CheckResult> {
  try {
    return await work()
  } catch (error) {
    if (!isForbidden(error)) throw error
    const fault: Fault = {
      reason: 'OtherOperatorsUnknown',
      message: 'the operator may not list Leases in all namespaces, so another operator goes unnoticed',
      fix: 'grant its ServiceAccount "list" on leases.coordination.k8s.io in the cluster',
    }
    return { kind: 'met', warnings: [fault] }
  }
}

function liveOf(others: readonly ObservedLease[]): readonly ObservedLease[] {
  return others.filter(({ liveness }) => liveness === 'live')
}

/** Without a Lease of one's own, or with that one in another's hands, everybody else is older. */
function isOlder(other: Lease, own: Lease | undefined): boolean {
  return own === undefined || own === other || byAge(other, own) < 0
}

/** Creation times have whole seconds; of the same one, the order of the names decides for both operators alike. */
function byAge(a: Lease, b: Lease): number {
  const key = ({ metadata }: Lease) =>
    [metadata.creationTimestamp ?? '', metadata.namespace ?? '', metadata.name].join(' ')
  return key(a) < key(b) ? -1 : 1
}

/** Identity of a replica of this operator in its Lease. */
export function replicaIdentity(hostName: string, pid: number): string {
  return `${hostName.replaceAll('_', '-')}-${pid}`
}

/**
 * controller-runtime makes identities of the form `<host name>_<uuid>`, and no identity of this operator's replicas has an
 * underscore.
 */
function isHeldByKmm({ spec }: Lease): boolean {
  return spec?.holderIdentity?.includes('_') === true
}

/** `"host-1" holds Lease kmm-system/kmm.sigs.x-k8s.io`; whose it is only where the form of the identity shows it. */
function holderText(lease: Lease): string {
  const { namespace = '', name } = lease.metadata
  const holder = oneLine(lease.spec?.holderIdentity ?? '')
  const kind = isHeldByKmm(lease) ? ', of the form that KMM uses,' : ''
  return `"${holder}"${kind} holds Lease ${namespace}/${name}`
}

function inChargeFault(lease: Lease): Fault {
  const { namespace = '' } = lease.metadata
  return {
    reason: 'OtherOperatorInCharge',
    message: `another operator manages the modules of this cluster: ${holderText(lease)}; this one does nothing`,
    fix:
      `uninstall one of the two (the other is in namespace ${namespace}); ` +
      'this operator takes over by itself a minute after the other has ended',
  }
}

function awayFault(lease: Lease): Fault {
  const { namespace = '', name } = lease.metadata
  return {
    reason: 'OtherOperatorAway',
    message: `the other operator in namespace ${namespace} is away: nobody renews Lease ${namespace}/${name}`,
    fix: 'this operator takes over by itself when that lasts for a minute',
  }
}

function youngerFault(lease: Lease): Fault {
  return {
    reason: 'OtherOperatorYounger',
    message: `a younger operator is at work in this cluster beside this one: ${holderText(lease)}`,
    fix: `uninstall the one in namespace ${lease.metadata.namespace ?? ''}`,
  }
}
