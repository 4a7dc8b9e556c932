import { uncoveredBy } from './architectures.ts'
import { buildInputHash } from './buildInputs.ts'
import { rivalOf } from './claim.ts'
import { nodeEligibility, type NodeEligibility } from './eligibility.ts'
import { storedModule, type ClusterSnapshot } from './facts.ts'
import type { BuildWish, ImageWish, KernelView, ViewSettings } from './kernelView.ts'
import { resolveMapping, type ResolvedMapping } from './mapping.ts'
import type { KernelStatus, Module } from './module.ts'
import { annotations, labels, moduleFinalizer, type ModuleRef } from './names.ts'
import { recordEntries, type NodeModulesConfig } from './nodeModulesConfig.ts'
import { viewNodes } from './nodesView.ts'
import { planNodes, wantedEntry, workerPods, type PlannedNode } from './planNodes.ts'
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
 * A node that has not said its kernel yet has none.
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
  kernels.delete('')
  for (const pod of cluster.pods(ref)) {
    const kernel = pod.annotations[annotations.kernel]
    if (kernel !== undefined && pod.labels[labels.resourceType] !== undefined) kernels.add(kernel)
  }
  for (const entry of storedModule(cluster, ref)?.status?.kernels ?? []) kernels.add(entry.kernel)
  return [...kernels].sort()
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
  const eligible = (kinds: readonly NodeEligibility['kind'][]) =>
    nodes.filter((node) => module !== undefined && kinds.includes(nodeEligibility(module, node).kind))
  const targets = eligible(['target'])
  // A node that is cordoned or reboots comes back: its build goes on, its digest stays the one that was resolved.
  const waiting = eligible(['target', 'paused'])
  const architectures = [...new Set(waiting.map((node) => node.architecture))].sort()
  const life = lifeOf(cluster, ref)
  const there = storedModule(cluster, ref)
  const { wish, mapping, dockerfile } = wishFor(cluster, module, life, kernel, architectures)
  const stored = there?.status?.kernels?.find((entry) => entry.kernel === kernel)
  const digest = wish.kind === 'wanted' ? storedDigest(stored, wish, architectures) : undefined
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
    pods: cluster.pods(ref).flatMap((pod) => viewBuildPod(pod, kernel, settings, cluster)),
    ...lostNode(cluster, stored),
    ...(rival === undefined ? {} : { rival }),
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

interface Wish {
  readonly wish: ImageWish
  readonly mapping?: ResolvedMapping | undefined
  readonly dockerfile?: string | undefined
}

function wishFor(
  cluster: ClusterSnapshot,
  module: Module | undefined,
  life: KernelView['module'],
  kernel: string,
  architectures: readonly string[],
): Wish {
  const none = (why: Extract<ImageWish, { kind: 'none' }>['why']): Wish => ({ wish: { kind: 'none', why } })
  if (life === 'deleting') return none('ModuleDeleted')
  if (module === undefined) return none('ModuleGone')
  if (module.spec.moduleLoader === undefined) return none('NoModuleLoader')
  if (architectures.length === 0) return none('NoNodes')
  const resolved = resolveMapping(module, kernel)
  if (resolved.kind === 'unmapped') return none('NoMapping')
  if (resolved.kind === 'invalid') {
    const { reason, field, message } = resolved
    return { wish: { kind: 'invalid', reason, field, message } }
  }
  const { mapping } = resolved
  const generation = module.spec.imageRebuildTriggerGeneration ?? null
  const build = buildWish(cluster, module, mapping, kernel, architectures)
  const wish = { kind: 'wanted' as const, image: mapping.image, generation, build: build.wish }
  return { wish, mapping, dockerfile: build.dockerfile }
}

function buildWish(
  cluster: ClusterSnapshot,
  module: Module,
  mapping: ResolvedMapping,
  kernel: string,
  architectures: readonly string[],
): { wish: BuildWish; dockerfile?: string } {
  if (mapping.build === undefined) return { wish: { kind: 'none' } }
  const { namespace } = module.metadata
  const { name } = mapping.build.dockerfileConfigMap
  const field = 'build.dockerfileConfigMap'
  const configMap = cluster.configMap(namespace, name)
  if (configMap === undefined) {
    const message = `${field}: ConfigMap ${namespace}/${name} does not exist.`
    return { wish: { kind: 'invalid', reason: 'DockerfileConfigMapMissing', field, message } }
  }
  const { dockerfile } = configMap
  if (dockerfile === undefined) {
    const message = `${field}: ConfigMap ${namespace}/${name} has no key "dockerfile".`
    return { wish: { kind: 'invalid', reason: 'DockerfileKeyMissing', field, message } }
  }
  const [architecture = '', ...others] = architectures
  if (others.length > 0) {
    const message = `The target nodes have the architectures ${architectures.join(', ')}; a build makes an image for one.`
    return { wish: { kind: 'invalid', reason: 'MixedArchitectures', field: 'selector', message } }
  }
  // Kubernetes labels hold at most 63 characters; 160 bits are enough.
  const inputHash = buildInputHash({ mapping, ref: module.metadata, kernel, architecture, dockerfile }).slice(
    0,
    40,
  )
  return { wish: { kind: 'ready', inputHash }, dockerfile }
}

function storedDigest(
  stored: KernelStatus | undefined,
  wish: { image: string; generation: number | null },
  architectures: readonly string[],
): string | undefined {
  const same = stored?.image === wish.image && (stored.imageGeneration ?? null) === wish.generation
  if (!same || uncoveredBy(wish.image, stored.architectures ?? [], architectures)) return undefined
  return stored.digest
}
