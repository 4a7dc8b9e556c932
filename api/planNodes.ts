import { storedModule, type ClusterSnapshot, type NodeFacts, type PodFacts } from './facts.ts'
import { forceReason } from './forceFinalize.ts'
import { withDigest } from './imageReference.ts'
import type { ImageWish } from './kernelView.ts'
import type { ResolvedMapping } from './mapping.ts'
import { labels, workerPodName, type ModuleRef } from './names.ts'
import type { ModuleConfig, ModuleEntry } from './nodeModulesConfig.ts'
import { planNode, type NodePlan, type NodePlanInput } from './nodePlan.ts'

/** A node with what it needs. `target`: the Module is meant for it (nodes:SCH-2). */
export interface PlannedNode {
  readonly node: NodeFacts
  readonly target: boolean
  readonly plan: NodePlan
}

/** The plans of nodes, by name. For a Module that cannot be read nothing is loaded or unloaded: it is there all the same. */
export function planNodes(
  cluster: ClusterSnapshot,
  about: Pick<NodePlanInput, 'ref' | 'module' | 'wanted'> & {
    readonly readable: boolean
    readonly nodes: readonly NodeFacts[]
    readonly targets: readonly NodeFacts[]
  },
): ReadonlyMap<string, PlannedNode> {
  const { ref, module, wanted, readable, nodes } = about
  const pods = workerPods(cluster, ref)
  const forced = forceReason(storedModule(cluster, ref)) !== undefined
  const targets = new Set(about.targets)
  return new Map(
    nodes.map((node) => {
      const record = cluster.nodeModulesConfig(node.name)
      const pod = podOf(pods.get(node.name), node, ref)
      const plan: NodePlan = readable
        ? planNode({ ref, module, node, record, pod, wanted, giveUp: forced ? givenUp(pod) : undefined })
        : { kind: 'idle' }
      return [node.name, { node, target: targets.has(node), plan }] as const
    }),
  )
}

/** Of a Module whose end a person forces: what is given up on a node. */
function givenUp(pod: PodFacts | undefined): 'failing' | 'all' {
  return pod?.state.kind === 'pending' && pod.state.reason !== undefined ? 'all' : 'failing'
}

/** The worker pods of a Module by the name of their node; while a cluster is taken over, KMM may have left one more. */
export function workerPods(
  cluster: ClusterSnapshot,
  ref: ModuleRef,
): ReadonlyMap<string, readonly PodFacts[]> {
  const pods = cluster.pods(ref).filter((pod) => pod.labels[labels.workerAction] !== undefined)
  return Map.groupBy(pods, (pod) => pod.nodeName ?? '')
}

/** The worker pod that was made for this very Node, else one of KMM's that is in its place. */
function podOf(pods: readonly PodFacts[] | undefined, node: NodeFacts, ref: ModuleRef): PodFacts | undefined {
  if (pods === undefined) return undefined
  const name = workerPodName(node.uid, ref)
  return pods.find((pod) => pod.name === name) ?? pods[0]
}

/** What nodes shall have for the Module as it is. */
export function wantedEntry(
  { namespace, name }: ModuleRef,
  mapping: ResolvedMapping | undefined,
  wish: ImageWish,
  digest: string | undefined,
): NodePlanInput['wanted'] {
  if (wish.kind === 'none') return { kind: 'unmapped' }
  if (mapping === undefined || digest === undefined) return { kind: 'unverified' }
  const { serviceAccountName, imageRepoSecret, tolerations, version } = mapping
  const entry: ModuleEntry = {
    namespace,
    name,
    serviceAccountName,
    ...(imageRepoSecret === undefined ? {} : { imageRepoSecret }),
    tolerations: [...tolerations],
    ...(version === undefined ? {} : { version }),
    config: moduleConfig(mapping, digest),
  }
  return { kind: 'entry', entry }
}

/** The config a node shall have: the verified digest is part of the image, so nodes pull what was verified. */
function moduleConfig(mapping: ResolvedMapping, digest: string): ModuleConfig {
  const { registryTLS, imagePullPolicy, inTreeModulesToRemove } = mapping
  return {
    kernelVersion: mapping.kernel,
    containerImage: withDigest(mapping.image, digest),
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    insecurePull: (registryTLS.insecure ?? false) || (registryTLS.insecureSkipTLSVerify ?? false),
    ...(inTreeModulesToRemove === undefined ? {} : { inTreeModulesToRemove: [...inTreeModulesToRemove] }),
    modprobe: mapping.modprobe,
  }
}
