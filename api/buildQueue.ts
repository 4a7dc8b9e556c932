import type { ClusterSnapshot, PodFacts } from './facts.ts'
import type { KernelStatus } from './module.ts'
import { isMakingImage } from './kernelPhase.ts'
import { annotations, labels, moduleKey, type KernelRef, type ModuleRef } from './names.ts'
import { isAnnouncedLast } from './podProvenance.ts'
import { isLost } from './viewBuildPods.ts'

/** Reason of a kernel whose build waits for its turn (images:BLD-S12 Better). */
export const buildQueued = 'BuildQueued'

/**
 * What such a kernel says: `before` builds come first, `limit` run at once. `nodeless`: so many of the cluster wait for
 * a node and keep their places meanwhile (docs/decisions/no-limit-on-pending-builds.md).
 */
export function queuedSentence(before: number, limit: number, nodeless: number): string {
  const builds = before === 1 ? '1 build is' : `${before} builds are`
  const most = limit === 1 ? 'one runs' : `${limit} run`
  const pods = nodeless === 1 ? '1 build pod has' : `${nodeless} build pods have`
  const which = `kubectl get pods -A -l '${labels.resourceType} in (BuildImage,SignImage)'`
  const stuck = nodeless === 0 ? '' : ` ${pods} no node to run on: ${which} shows which.`
  return (
    `${builds} before it, and at most ${most} at once in the cluster.${stuck} It begins by itself when its turn ` +
    "comes; a greater build.maxParallel in the operator's configuration lets more run."
  )
}

/** How many build pods of the cluster no node can take. */
export function nodelessBuilds(cluster: ClusterSnapshot): number {
  const all = [...cluster.modules(), ...cluster.unreadableModules()]
  const pods = all.flatMap(({ metadata }) => runningBuilds(cluster, metadata))
  return pods.filter(({ state }) => state.kind === 'pending' && state.reason === 'Unschedulable').length
}

/**
 * How many builds of the cluster come before one that wants to begin and is in phase Building `since` (RFC 3339):
 * those that run, and those that wait for longer. Their order stands in status, so it outlives operators and is the
 * same for all of them. Its own build pod, if there is one, is not asked about here.
 */
export function buildsBefore(cluster: ClusterSnapshot, { ref, kernel }: KernelRef, since: string): number {
  const own = placeOf(moduleKey(ref), kernel, since)
  const all = [...cluster.modules(), ...cluster.unreadableModules()]
  const counts = all.map(({ metadata, status }) => {
    const key = moduleKey(metadata)
    const running = runningBuilds(cluster, metadata)
    const kernels = new Set(running.map((pod) => pod.annotations[annotations.kernel]))
    const waits = (entry: KernelStatus) =>
      isMakingImage(entry.phase) && entry.reason === buildQueued && !kernels.has(entry.kernel)
    const isBefore = (entry: KernelStatus) => placeOf(key, entry.kernel, entry.since ?? '') < own
    const entries = metadata.deletionTimestamp === undefined ? (status?.kernels ?? []) : []
    return running.length + entries.filter((entry) => waits(entry) && isBefore(entry)).length
  })
  return counts.reduce((sum, count) => sum + count, 0)
}

/** The builds of a Module that run: of each kernel the pod that its status announced last, and no other. */
function runningBuilds(cluster: ClusterSnapshot, ref: ModuleRef): PodFacts[] {
  return cluster.pods(ref).filter((pod) => {
    const { state } = pod
    if (state.kind === 'succeeded' || state.kind === 'failed') return false
    return isAnnouncedLast(cluster, ref, pod) && !isLost(pod, cluster.nodes())
  })
}

/** Earlier places are smaller; no two kernels have one place. */
function placeOf(module: string, kernel: string, since: string): string {
  return `${since} ${module} ${kernel}`
}
