import type { BuildPodView, KernelView } from '../../api/kernelView.ts'
import { hasFailedMaking } from '../../api/kernelPhase.ts'
import { lastAttempt } from '../../api/viewBuildPods.ts'
import { counts, failedKey, interruptionsOf, isOf, wantedHash } from './attempts.ts'
import { hold, lookOf, remove, wayBack, type Hold, type KernelMemory, type KernelPlan } from './plan.ts'

/** How often a build that the cluster ended is made again by itself (design: "Failures have classes"). */
export const maxReruns = 3

/**
 * The last build was ended by the cluster, not by itself: it is made again after a pause, and held when that did not
 * help. Status counts, so that neither a new run nor a new operator begins anew.
 */
export function interrupted(view: KernelView, memory: KernelMemory): Partial<KernelPlan> | undefined {
  const hash = wantedHash(view)
  const all = interruptionsOf(view, memory)
  const last = all.at(-1)
  if (hash === undefined || last === undefined || last.attempt < lastAttempt(view, hash)) return undefined
  const key = `interrupted:${hash}:${last.attempt}`
  const pod = interruptedPod(view, last.attempt)
  if (memory.released.includes(key)) {
    return pod === undefined ? undefined : { steps: [remove(pod, 'interrupted')] }
  }
  const rerun = all.length
  if (rerun <= maxReruns) {
    return { steps: [{ kind: 'pause', key, rerun, since: last.at, reason: last.reason }] }
  }
  if (pod === undefined && wasDeletedByHand(view)) return undefined
  const message = `The cluster ended the build ${rerun} times, the last time so: ${last.message}`
  const unblock = `Mend the cause, then ${pod === undefined ? '' : 'delete the pod, or '}${signal}`
  return { holds: [holdOnBuild(key, { reason: last.reason, message, unblock }, view, memory, pod)] }
}

/** The pod of an interrupted attempt; one that is lost goes by itself, and nobody waits for it. */
export function interruptedPod(view: KernelView, attempt: number): BuildPodView | undefined {
  return view.pods.find((p) => isOf(p, view) && p.attempt === attempt && p.state !== 'lost')
}

/** Status names the pod only while it was there: it has gone, and its node has not. */
function wasDeletedByHand({ stored, lostNode }: KernelView): boolean {
  return hasFailedMaking(stored?.phase) && stored?.buildPod !== undefined && lostNode === undefined
}

const signal = 'send the signal `retryBuild` to this run.'
const changed = 'Changed build inputs start a new build by themselves.'
const unblockFailed = `Mend the cause, then delete the pod, or ${signal} ${changed}`
const unblockVanished = (node: string) =>
  `Its pod has vanished with node ${node}: mend the cause, then ${signal} ${changed}`

/** A failed pod is kept until it is deleted, retried or superseded. */
export function failed(view: KernelView, memory: KernelMemory): Partial<KernelPlan> | undefined {
  const pod = view.pods.find((p) => isOf(p, view) && p.state === 'failed')
  if (pod === undefined) return undefined
  const key = failedKey(pod)
  if (memory.released.includes(key)) return { steps: [remove(pod, 'retried')] }
  const failure = memory.failure?.podUid === pod.uid ? memory.failure : storedFailure(view)
  const held = holdOnBuild(key, { ...failure, unblock: unblockFailed }, view, memory, pod)
  return { holds: [held, ...unbuildable(view)] }
}

/** What keeps the image from being built, or built again, such as a missing Dockerfile. */
export function unbuildable({ wish, rebuildFrom }: KernelView): Hold[] {
  if (wish.kind !== 'wanted' || wish.build.kind !== 'invalid') return []
  const { reason, field, message } = wish.build
  const instead = rebuildFrom === undefined ? '' : ` ${wayBack}`
  const unblock = `Mend ${field}; the build starts by itself.${instead}`
  return [hold(`invalid:${reason}:${message}`, reason, message, unblock)]
}

/** A failed pod that is gone together with its Node was not deleted by a person: the hold stays. */
export function vanished(view: KernelView, memory: KernelMemory): Partial<KernelPlan> | undefined {
  const { stored, lostNode } = view
  const hash = wantedHash(view)
  if (hash === undefined || lostNode === undefined) return undefined
  if (stored === undefined || !hasFailedMaking(stored.phase)) return undefined
  const { inputHash, attempt, buildPod = '' } = stored
  if (inputHash !== hash || !counts(attempt ?? 0, view)) return undefined
  if (interruptionsOf(view, memory).at(-1)?.attempt === attempt) return undefined
  const key = `vanished:${buildPod}`
  if (memory.released.includes(key)) return undefined
  const why = { ...storedFailure(view), unblock: unblockVanished(lostNode) }
  return { holds: [holdOnBuild(key, why, view, memory)] }
}

/** A build ended well, but the registry does not have its image. */
export function unverified(view: KernelView, memory: KernelMemory): Partial<KernelPlan> | undefined {
  const failure = memory.failure
  const pod = view.pods.find((p) => p.uid === failure?.podUid && p.state === 'succeeded')
  if (failure === undefined || pod === undefined) return undefined
  const key = `unverified:${pod.uid}`
  if (memory.released.includes(key)) return { steps: [remove(pod, 'retried')] }
  const unblock = `Look why the registry lost the image, then delete the pod, or ${signal}`
  return { holds: [holdOnBuild(key, { ...failure, unblock }, view, memory, pod)] }
}

/** Does it wait for somebody to look at a build that has ended? */
export function isOnEndedBuild({ key }: Hold): boolean {
  return /^(failed|interrupted|vanished|unverified):/.test(key)
}

function holdOnBuild(
  key: string,
  why: { readonly reason: string; readonly message: string; readonly unblock: string },
  view: KernelView,
  { failure, interruption }: KernelMemory,
  pod?: BuildPodView,
): Hold {
  const image = view.wish.kind === 'wanted' ? view.wish.image : ''
  const place = pod === undefined ? {} : { pod: { name: pod.name, uid: pod.uid } }
  const secrets = (failure ?? interruption)?.secrets ?? view.stored?.buildSecrets
  const look = { kind: 'image' as const, image, ...place, ...(secrets && { secrets }), ...lookOf(view) }
  const unblock = view.rebuildFrom === undefined ? why.unblock : `${why.unblock} ${wayBack}`
  return { ...hold(key, why.reason, why.message, unblock), look }
}

/** What an earlier run wrote of a failed build, without what it said would help. */
function storedFailure({ stored, lostNode }: KernelView): { reason: string; message: string } {
  const { reason = 'BuildFailed', message = 'The build failed.', buildNode } = stored ?? {}
  const node = lostNode ?? buildNode?.name ?? ''
  const fixes = [unblockFailed, unblockVanished(node), wayBack]
  return { reason, message: fixes.reduce((said, fix) => said.replace(` ${fix}`, ''), message) }
}
