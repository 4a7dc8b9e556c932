import type { BuildPodView, KernelView } from '../../api/kernelView.ts'
import { hasFailedMaking } from '../../api/kernelPhase.ts'
import type { InterruptedBuild } from '../../api/moduleStatus.ts'
import { lastAttempt } from '../../api/viewBuildPods.ts'
import type { KernelMemory } from './plan.ts'

/**
 * Hash of the inputs wanted now. While they cannot be told, such as without the Dockerfile, that of the last build of
 * the image: one that is under way is followed to its end, a failed one stays held (images:BLD-S2). Undefined when
 * there is none.
 */
export function wantedHash({ wish, stored }: KernelView): string | undefined {
  if (wish.kind !== 'wanted') return undefined
  const { image, build } = wish
  if (build.kind === 'ready') return build.inputHash
  return build.kind === 'invalid' && stored?.image === image ? stored.inputHash : undefined
}

/** Does this pod make the wanted image from the inputs wanted now, and not from before a rebuild that is asked for? */
export function isOf(pod: BuildPodView, view: KernelView): boolean {
  const isForImage = view.wish.kind === 'wanted' && pod.image === view.wish.image
  return isForImage && pod.inputHash === wantedHash(view) && counts(pod.attempt, view)
}

/** Attempts from before a rebuild that is asked for do not count. */
export function counts(attempt: number, { rebuildFrom = 0 }: KernelView): boolean {
  return attempt >= rebuildFrom
}

/** Attempts are counted per input hash. */
export function nextAttempt(view: KernelView, memory: KernelMemory, inputHash: string): number {
  const made =
    memory.making?.inputHash === inputHash ? memory.making.attempt : lastAttempt(view, inputHash) + 1
  return Math.max(made, view.rebuildFrom ?? 0)
}

export function buildKey(inputHash: string, attempt: number): string {
  return `build:${inputHash}:${attempt}`
}

/** What a retry releases of a failed pod. */
export function failedKey({ uid }: BuildPodView): string {
  return `failed:${uid}`
}

/**
 * Is it known how this pod ended: learnt by this run, or written in status by an earlier one? Status forgets it with
 * the retry, before the pod is gone.
 */
export function isRecorded(pod: BuildPodView, view: KernelView, memory: KernelMemory): boolean {
  if (interruptionsOf(view, memory).some(({ attempt }) => attempt === pod.attempt)) return true
  if (pod.state !== 'failed' && pod.state !== 'succeeded') return false
  if (memory.released.includes(failedKey(pod))) return true
  if (memory.failure?.podUid === pod.uid) return true
  const { phase, buildPod } = view.stored ?? {}
  return pod.state === 'failed' && hasFailedMaking(phase) && buildPod === pod.name
}

/**
 * The attempts of the wanted inputs that the cluster ended, oldest first: those in status, and the one this run has
 * just learnt of. An attempt counts once, however often it is noticed.
 */
export function interruptionsOf(view: KernelView, memory: KernelMemory): readonly InterruptedBuild[] {
  const hash = wantedHash(view)
  if (hash === undefined) return []
  const all = view.stored?.inputHash === hash ? (view.stored.interruptions ?? []) : []
  const stored = all.filter(({ attempt }) => counts(attempt, view))
  const news = memory.interruption
  if (news?.inputHash !== hash || !counts(news.attempt, view)) return stored
  if (stored.some(({ attempt }) => attempt === news.attempt)) return stored
  const { attempt, reason, message, at } = news
  return [...stored, { attempt, reason, message, at }]
}
