import type { NodeFailure, NodePlan, NodeWork } from './nodePlan.ts'

/**
 * So many nodes that failed stand in one view, and so many whose pod does not start before no more pods are made; the
 * rest follows when these are done.
 */
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
  /** What is to be done: all that has a pod, and as much more as may be done at once. */
  readonly work: readonly NodeWork[]
  /** The newest first. */
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

const newestFirst = (a: NodeFailure, b: NodeFailure): number => (a.at > b.at ? -1 : 1)
const byRetry = (a: NodeFailure, b: NodeFailure): number => ((a.retryAt ?? '') < (b.retryAt ?? '') ? -1 : 1)

/**
 * Puts the plans of all nodes of a kernel together. What has a pod is always listed: what falls out of the list is
 * ended. Of other work so much is listed that no more than `maxParallel` goes on at once. Work that is stuck or that
 * waits for its next try takes nobody's place; when very much of it is stuck, nothing more is begun.
 */
export function viewNodes(
  plans: readonly { readonly target: boolean; readonly plan: NodePlan }[],
  maxParallel: number,
): NodesView {
  const all = plans.map((p) => p.plan)
  const work = all.flatMap((p) => ('work' in p ? [p.work] : []))
  const failures = all.flatMap((p) => (p.kind === 'failed' ? [p.failure] : []))
  const again = failures.filter(retries).toSorted(byRetry)
  const followed = new Set(all.flatMap((p) => (p.kind === 'follow' ? [p.work] : [])))
  const stuck = work.filter((w) => w.trouble !== undefined)
  const moving = work.filter((w) => w.trouble === undefined)
  const isUnderWay = (w: NodeWork) => w.podMade === true || followed.has(w)
  const underWay = moving.filter(isUnderWay)
  const room = stuck.length < nodeListLimit ? Math.max(0, maxParallel - underWay.length) : 0
  const fresh = moving.filter((w) => !isUnderWay(w)).slice(0, room)
  const listed = [...underWay, ...fresh, ...stuck, ...again.slice(0, nodeListLimit)]
  const count = (kind: NodePlan['kind']) => all.filter((p) => p.kind === kind).length
  const done = (p: NodePlan) => p.kind === 'loaded' || ('loaded' in p && p.loaded)
  const undone = all.filter((p) => 'work' in p && !done(p)).length
  return {
    work: listed,
    failures: failures.toSorted(newestFirst).slice(0, nodeListLimit),
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
