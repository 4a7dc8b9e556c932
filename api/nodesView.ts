import type { NodeFailure, NodePlan, NodeWork } from './nodePlan.ts'

/** At most so many nodes of each kind stand in one view; the rest follows when these are done. */
export const nodeListLimit = 200

/**
 * Numbers of nodes of the kernel, each in one number only: `loaded` are targets that have the wanted module, `failed`
 * wait for somebody, `waiting` have work to come, `unreachable` are not Ready.
 */
export interface NodeCounts {
  readonly targets: number
  readonly loaded: number
  readonly failed: number
  readonly waiting: number
  readonly unreachable: number
}

export interface NodesView {
  /** What is to be done, at least as much as may be done at once. */
  readonly work: readonly NodeWork[]
  readonly failures: readonly NodeFailure[]
  /** More nodes differ than `work` and `failures` hold. */
  readonly truncated: boolean
  readonly counts: NodeCounts
  /** So many nodes may be worked on at once (`maxParallel`). */
  readonly maxParallel: number
}

/** Some failures are tried again by themselves, at a growing pace; all others wait for a change or a person. */
export function retries(failure: NodeFailure): boolean {
  return failure.retryAt !== undefined
}

const byRetry = (a: NodeFailure, b: NodeFailure): number => ((a.retryAt ?? '') < (b.retryAt ?? '') ? -1 : 1)

/**
 * Puts the plans of all nodes of a kernel together. Of fresh work no more than `maxParallel` is listed; what has a
 * pod comes first, so that no work under way falls out of the list. Work that is stuck or that waits for its next try
 * takes nobody's place.
 */
export function viewNodes(
  plans: readonly { readonly target: boolean; readonly plan: NodePlan }[],
  maxParallel: number,
): NodesView {
  const all = plans.map((p) => p.plan)
  const work = all.flatMap((p) => ('work' in p ? [p.work] : []))
  const failures = all.flatMap((p) => (p.kind === 'failed' ? [p.failure] : []))
  const again = failures.filter(retries).toSorted(byRetry)
  const underWay = new Set(all.flatMap((p) => (p.kind === 'follow' ? [p.work] : [])))
  const stuck = work.filter((w) => w.trouble !== undefined)
  const fresh = work.filter((w) => w.trouble === undefined)
  const ordered = [...fresh.filter((w) => underWay.has(w)), ...fresh.filter((w) => !underWay.has(w))]
  const listed = [
    ...ordered.slice(0, maxParallel),
    ...stuck.slice(0, nodeListLimit),
    ...again.slice(0, nodeListLimit),
  ]
  const count = (kind: NodePlan['kind']) => all.filter((p) => p.kind === kind).length
  const done = (p: NodePlan) => p.kind === 'loaded' || ('loaded' in p && p.loaded)
  const undone = all.filter((p) => 'work' in p && !done(p)).length
  return {
    work: listed,
    failures: failures.slice(0, nodeListLimit),
    truncated: listed.length < work.length + again.length || failures.length > nodeListLimit,
    counts: {
      targets: plans.filter((p) => p.target).length,
      loaded: plans.filter((p) => p.target && done(p.plan)).length,
      failed: failures.length - again.length,
      waiting: undone + again.length + count('waiting'),
      unreachable: count('unreachable'),
    },
    maxParallel,
  }
}
