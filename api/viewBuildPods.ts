import { dropUndefined } from './dropUndefined.ts'
import type { ClusterSnapshot, NodeFacts, PodFacts } from './facts.ts'
import type { BuildPodView, ImageWish, ViewSettings } from './kernelView.ts'
import type { KernelStatus } from './module.ts'
import { annotations, labels } from './names.ts'
import { attemptOf, isAnnounced } from './podProvenance.ts'

/** The node of the failed build in status, when it is gone: what vanished with it was not deleted by a person. */
export function lostNode(cluster: ClusterSnapshot, stored: KernelStatus | undefined): { lostNode?: string } {
  const node = stored?.buildNode
  if (node === undefined || cluster.nodes().some(({ uid }) => uid === node.uid)) return {}
  return { lostNode: node.name }
}

/** Is a pod that is to go on a node that does not answer? It goes when the node comes back, or is deleted. */
export function isLost(pod: PodFacts, nodes: readonly NodeFacts[]): boolean {
  const { deleting, nodeName, state } = pod
  const ended = state.kind === 'succeeded' || state.kind === 'failed'
  if (!deleting || ended || nodeName === undefined) return false
  return !nodes.some(({ name, ready }) => name === nodeName && ready)
}

/** The last attempt that was, or was to be, made of these inputs; 0 for none. The number in status outlives pods. */
export function lastAttempt(
  { pods, stored }: { readonly pods: readonly BuildPodView[]; readonly stored?: KernelStatus | undefined },
  inputHash: string,
): number {
  const made = pods.filter((p) => p.inputHash === inputHash).map((p) => p.attempt)
  const announced = stored?.inputHash === inputHash ? (stored.attempt ?? 0) : 0
  return Math.max(0, announced, ...made)
}

/** The hashes of what makes the wanted image: of its build, of its signing, or of both. */
export function inputHashes(wish: ImageWish): string[] {
  if (wish.kind !== 'wanted') return []
  return [wish.build, wish.unsigned?.build].flatMap((build) =>
    build?.kind === 'ready' ? [build.inputHash] : [],
  )
}

/** In place of the input hash of a pod that status never announced. */
const unannounced = ''

/**
 * A pod as a build pod of this kernel; nothing for a worker pod, or one of another kernel. One that status never
 * announced has no inputs that anybody knows: it goes as what was made from other inputs does, and none of it counts.
 */
export function viewBuildPod(
  pod: PodFacts,
  kernel: string,
  settings: ViewSettings,
  cluster: ClusterSnapshot,
  stored: KernelStatus | undefined,
): BuildPodView[] {
  const hash = pod.labels[labels.inputHash]
  if (pod.annotations[annotations.kernel] !== kernel || hash === undefined) return []
  const image = pod.annotations[annotations.image] ?? ''
  const attempt = attemptOf(pod) ?? 0
  const inputHash = isAnnounced(stored, pod) ? hash : unannounced
  const source = pod.annotations[annotations.unsignedImage]
  const facts = { name: pod.name, uid: pod.uid, image, inputHash, attempt, ...dropUndefined({ source }) }
  switch (pod.state.kind) {
    case 'succeeded': {
      const collectAt = new Date(Date.parse(pod.state.finishedAt) + settings.gcDelayMs).toISOString()
      return [{ ...facts, state: 'succeeded', collectAt }]
    }
    case 'failed': {
      const taken = pod.deleting && pod.interruption !== undefined
      return [{ ...facts, state: taken ? 'lost' : 'failed' }]
    }
    default:
      return [{ ...facts, state: isLost(pod, cluster.nodes()) ? 'lost' : 'active' }]
  }
}
