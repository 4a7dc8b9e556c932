import { uncoveredBy } from './architectures.ts'
import { rivalOf } from './claim.ts'
import { nodeEligibility } from './eligibility.ts'
import { storedEntry, storedModule, type ClusterSnapshot } from './facts.ts'
import { forceReason } from './forceFinalize.ts'
import { wantedImage } from './imageWish.ts'
import type { KernelView, ViewSettings } from './kernelView.ts'
import type { ResolvedMapping } from './mapping.ts'
import type { KernelStatus, Module } from './module.ts'
import { annotations, labels, moduleFinalizer, type ModuleRef } from './names.ts'
import { recordEntries, type NodeModulesConfig } from './nodeModulesConfig.ts'
import { viewNodes } from './nodesView.ts'
import { isKernelRelease } from './nodeForm.ts'
import { isDigest } from './imageReference.ts'
import { planNodes, wantedEntry, workerPods, type PlannedNode } from './planNodes.ts'
import { rebuildAnnotation, rebuildObstacle, viewRebuild } from './rebuild.ts'
import { lostNode, viewBuildPod } from './viewBuildPods.ts'

/** The facts behind a view that are too large or too private for a payload; activities act on them. */
export interface KernelFacts {
  readonly module: Module | undefined
  /** Of the Module that is there, readable or not. */
  readonly uid: string | undefined
  readonly mapping: ResolvedMapping | undefined
  readonly dockerfile: string | undefined
  readonly architecture: string | undefined
  readonly plans: ReadonlyMap<string, PlannedNode>
}

/**
 * Kernels that concern a Module: of its target nodes, of nodes with a record of it, of its pods and of its status.
 * A node that has not said its kernel yet, or not in its form, has none.
 */
export function kernelsOf(cluster: ClusterSnapshot, ref: ModuleRef): string[] {
  const module = cluster.module(ref)
  const pods = workerPods(cluster, ref)
  const kernels = new Set<string>()
  for (const node of cluster.nodes()) {
    const target = module !== undefined && nodeEligibility(module, node).kind !== 'selector'
    if (target || recordOf(cluster.nodeModulesConfig(node.name), ref) || pods.has(node.name)) {
      kernels.add(node.kernel)
    }
  }
  for (const pod of cluster.pods(ref)) {
    const kernel = pod.annotations[annotations.kernel]
    if (kernel !== undefined && pod.labels[labels.resourceType] !== undefined) kernels.add(kernel)
  }
  for (const entry of storedModule(cluster, ref)?.status?.kernels ?? []) kernels.add(entry.kernel)
  // What is no release becomes no name, path or word of a command.
  return [...kernels].filter(isKernelRelease).sort()
}

/**
 * The truth about one (Module, kernel) from the caches: what is wanted, what is there, what differs. Pure; the
 * watcher rings on it and the kernel run decides on it, so both always agree.
 */
export function viewKernel(
  cluster: ClusterSnapshot,
  ref: ModuleRef,
  kernel: string,
  settings: ViewSettings,
): { readonly view: KernelView; readonly facts: KernelFacts } {
  const module = cluster.module(ref)
  const nodes = cluster.nodes().filter((node) => node.kernel === kernel)
  const targets = nodes.filter(
    (node) => module !== undefined && nodeEligibility(module, node).kind === 'target',
  )
  const life = lifeOf(cluster, ref)
  const there = storedModule(cluster, ref)
  const { wish, architectures, mapping, dockerfile } = wantedImage(cluster, ref, kernel)
  const stored = storedEntry(there, kernel)
  const pods = cluster.pods(ref).flatMap((pod) => viewBuildPod(pod, kernel, settings, cluster, stored))
  const which = life === 'alive' ? rebuildAnnotation(there) : undefined
  const asked =
    (which === 'all' || which === kernel) && rebuildObstacle(cluster, { ref, kernel }, wish) === undefined
  const rebuild = viewRebuild(asked, wish, stored, pods)
  const digest =
    wish.kind === 'wanted' && rebuild.rebuildFrom === undefined
      ? storedDigest(stored, wish, architectures)
      : undefined
  const wanted = wantedEntry(ref, mapping, wish, digest)
  const plans = planNodes(cluster, { ref, module, readable: life !== 'unreadable', nodes, targets, wanted })
  const rival =
    digest === undefined && wish.kind === 'wanted' && wish.build.kind === 'ready'
      ? rivalOf(cluster, { ref, kernel, image: wish.image, inputHash: wish.build.inputHash })
      : undefined
  const view: KernelView = {
    module: life,
    generation: there?.metadata.generation ?? 0,
    wish,
    architectures,
    ...(digest === undefined ? {} : { digest }),
    pods,
    ...rebuild,
    ...lostNode(cluster, stored),
    ...(rival === undefined ? {} : { rival }),
    ...(forceReason(there) === undefined ? {} : { forced: true as const }),
    nodes: viewNodes([...plans.values()], settings.maxParallel),
    ...(stored === undefined ? {} : { stored }),
  }
  const [architecture] = architectures
  return { view, facts: { module, uid: there?.metadata.uid, mapping, dockerfile, architecture, plans } }
}

/** Has the Module begun, and may things be made for it? */
export function lifeOf(cluster: ClusterSnapshot, ref: ModuleRef): KernelView['module'] {
  const module = storedModule(cluster, ref)
  if (module === undefined) return 'gone'
  // What is loaded is unloaded by what was recorded with it, whatever stands in the Module.
  if (module.metadata.deletionTimestamp !== undefined) return 'deleting'
  if (cluster.unreadable(ref) !== undefined) return 'unreadable'
  return module.metadata.finalizers?.includes(moduleFinalizer) ? 'alive' : 'unguarded'
}

/** Does this node's record hold anything of the Module? */
export function recordOf(record: NodeModulesConfig | undefined, ref: ModuleRef): boolean {
  const { wish, fact } = recordEntries(record, ref)
  return wish !== undefined || fact !== undefined
}

function storedDigest(
  stored: KernelStatus | undefined,
  wish: { image: string; generation: number | null },
  architectures: readonly string[],
): string | undefined {
  const same = stored?.image === wish.image && (stored.imageGeneration ?? null) === wish.generation
  if (!same || uncoveredBy(wish.image, stored.architectures ?? [], architectures)) return undefined
  // Whoever may write status may have written anything: it is asked for anew then.
  return stored.digest !== undefined && isDigest(stored.digest) ? stored.digest : undefined
}
