import type { ClusterSnapshot, PodFacts } from './facts.ts'
import { isMakingImage } from './kernelPhase.ts'
import { annotations, labels, moduleKey, type KernelRef, type ModuleRef } from './names.ts'
import { isAnnouncedLast } from './podProvenance.ts'
import { isLost } from './viewBuildPods.ts'

/** Reason of a kernel whose build waits for its turn (images:BLD-S12 Better). */
export const buildQueued = 'BuildQueued'

/** How many builds run at once. */
export interface BuildLimits {
  readonly cluster: number
  /** Builds cannot be preempted: without a share of its own one namespace could take all turns for hours. */
  readonly namespace: number
}

/** The limits of a configuration; a namespace has half of the turns where it says nothing else. */
export function buildLimits(build: {
  readonly maxParallel: number
  readonly maxParallelPerNamespace?: number | undefined
}): BuildLimits {
  const { maxParallel, maxParallelPerNamespace = Math.ceil(maxParallel / 2) } = build
  return { cluster: maxParallel, namespace: Math.min(maxParallel, maxParallelPerNamespace) }
}

/** How many builds come before another one, in the cluster and of its own namespace. */
export type BuildsBefore = BuildLimits

/** The limit that keeps a build waiting, with the builds before it; undefined when its turn has come. */
export interface Turn {
  readonly scope: keyof BuildLimits
  readonly before: number
  readonly limit: number
}
export function waitsForTurn(before: BuildsBefore, limits: BuildLimits): Turn | undefined {
  const scopes = ['cluster', 'namespace'] as const
  const scope = scopes.find((its) => before[its] >= limits[its])
  return scope && { scope, before: before[scope], limit: limits[scope] }
}

/**
 * What such a kernel says. `nodeless`: so many of the cluster wait for a node and keep their places meanwhile
 * (docs/decisions/no-limit-on-pending-builds.md).
 */
export function queuedSentence({ scope, before, limit }: Turn, nodeless: number): string {
  const where = scope === 'cluster' ? '' : ' in its namespace'
  const builds = before === 1 ? `1 build${where} is` : `${before} builds${where} are`
  const most = limit === 1 ? 'one runs' : `${limit} run`
  const pods = nodeless === 1 ? '1 build pod has' : `${nodeless} build pods have`
  const which = `kubectl get pods -A -l '${labels.resourceType} in (BuildImage,SignImage)'`
  const stuck = nodeless === 0 ? '' : ` ${pods} no node to run on: ${which} shows which.`
  const key = scope === 'cluster' ? 'build.maxParallel' : 'build.maxParallelPerNamespace'
  return (
    `${builds} before it, and at most ${most} at once in ${scope === 'cluster' ? 'the cluster' : 'one namespace'}.${stuck} It begins by itself when its turn ` +
    `comes; a greater ${key} in the operator's configuration lets more run.`
  )
}

/** How many build pods of the cluster no node can take. */
export function nodelessBuilds(cluster: ClusterSnapshot): number {
  const all = [...cluster.modules(), ...cluster.unreadableModules()]
  const pods = all.flatMap(({ metadata }) => runningBuilds(cluster, metadata))
  return pods.filter(({ state }) => state.kind === 'pending' && state.reason === 'Unschedulable').length
}

/** A build that waits: of its namespace, in the order of `place`. */
interface WaitingBuild {
  readonly namespace: string
  readonly place: string
}

/**
 * How many builds come before one that wants to begin and is in phase Building `since` (RFC 3339): those that run, and
 * those that wait and whose turn is earlier. Namespaces take turns: whose namespace has fewer builds before it is first,
 * of two alike the one whose namespace has had no build for longer, and then the one that waits for longer. Their order stands in status, so it outlives operators and is the same
 * for all of them. Its own build pod, if there is one, is not asked about here.
 */
export function buildsBefore(
  cluster: ClusterSnapshot,
  { ref, kernel }: KernelRef,
  since: string,
): BuildsBefore {
  const { running, waiting, served } = builds(cluster)
  const own = placeOf(moduleKey(ref), kernel, since)
  // Who waits in a namespace comes after all that run there and all that have waited there for longer.
  const next = new Map(running)
  const rounds = waiting
    .toSorted((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ namespace, place }) => {
      const round = next.get(namespace) ?? 0
      next.set(namespace, round + 1)
      return { namespace, place, round }
    })
  const longer = rounds.filter(({ namespace, place }) => namespace === ref.namespace && place < own)
  const ownRound = (running.get(ref.namespace) ?? 0) + longer.length
  const servedAt = (namespace: string) => served.get(namespace) ?? ''
  const isBefore = ({ namespace, place, round }: WaitingBuild & { readonly round: number }) => {
    if (round !== ownRound) return round < ownRound
    const [its, ours] = [servedAt(namespace), servedAt(ref.namespace)]
    return its === ours ? place < own : its < ours
  }
  const all = [...running.values()].reduce((sum, count) => sum + count, 0)
  return { cluster: all + rounds.filter(isBefore).length, namespace: ownRound }
}

/**
 * How many builds run, by namespace, and which wait; and when something last became of a build of a namespace
 * (RFC 3339), as far as status says.
 */
function builds(cluster: ClusterSnapshot): {
  readonly running: ReadonlyMap<string, number>
  readonly waiting: readonly WaitingBuild[]
  readonly served: ReadonlyMap<string, string>
} {
  const running = new Map<string, number>()
  const waiting: WaitingBuild[] = []
  const served = new Map<string, string>()
  for (const { metadata, status } of [...cluster.modules(), ...cluster.unreadableModules()]) {
    const { namespace } = metadata
    const pods = runningBuilds(cluster, metadata)
    running.set(namespace, (running.get(namespace) ?? 0) + pods.length)
    const kernels = new Set(pods.map((pod) => pod.annotations[annotations.kernel]))
    const entries = metadata.deletionTimestamp === undefined ? (status?.kernels ?? []) : []
    for (const { phase, reason, kernel, attempt, since = '' } of entries) {
      const waits = isMakingImage(phase) && reason === buildQueued && !kernels.has(kernel)
      if (waits) waiting.push({ namespace, place: placeOf(moduleKey(metadata), kernel, since) })
      else if (attempt !== undefined && since > (served.get(namespace) ?? '')) served.set(namespace, since)
    }
  }
  return { running, waiting, served }
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
