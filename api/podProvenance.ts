import { storedEntry, storedModule, type ClusterSnapshot, type PodFacts } from './facts.ts'
import type { KernelStatus } from './module.ts'
import {
  annotations,
  buildPodName,
  kmmWorkerPodName,
  labels,
  signPodName,
  workerPodName,
  type ModuleRef,
} from './names.ts'
import { recordEntries } from './nodeModulesConfig.ts'

/*
 * Which pods count. Labels, annotations and owner references are written by whoever creates a pod; node records and
 * the status of Modules are written by the operator alone. So a pod counts under the one name that the operator would
 * have given it, and only where a Module or a record is there for it; what it reports counts only when a record asked
 * for it (`orderedCommand`), or status announced it (`isAnnounced`).
 */

type Records = Pick<ClusterSnapshot, 'module' | 'unreadable' | 'node' | 'nodeModulesConfig'>

/** Of all pods with the labels of a Module, those that count as its worker, build and sign pods. */
export function countedPods(
  cluster: Records,
  ref: ModuleRef,
  pods: readonly PodFacts[],
): readonly PodFacts[] {
  return pods.filter((pod) =>
    pod.labels[labels.workerAction] === undefined
      ? isBuildPodOf(cluster, ref, pod)
      : isWorkerPodOf(cluster, ref, pod),
  )
}

/**
 * A worker pod under its exact name, while there is the Module or a record of it on the node. One under KMM's exact name
 * counts with a record alone: it ends before ours is made, and nothing of what it says is believed.
 */
function isWorkerPodOf(cluster: Records, ref: ModuleRef, pod: PodFacts): boolean {
  const node = pod.nodeName === undefined ? undefined : cluster.node(pod.nodeName)
  if (node === undefined) return false
  const { wish, fact } = recordEntries(cluster.nodeModulesConfig(node.name), ref)
  const recorded = wish !== undefined || fact !== undefined
  if (pod.name === kmmWorkerPodName(node.name, ref.name)) return recorded
  const isThere = cluster.module(ref) !== undefined || cluster.unreadable(ref) !== undefined
  return (recorded || isThere) && pod.name === workerPodName(node.uid, ref)
}

/** A pod of this very Module, for a kernel that its status has, under the name of its inputs and attempt. */
function isBuildPodOf(cluster: Records, ref: ModuleRef, pod: PodFacts): boolean {
  const module = cluster.module(ref) ?? cluster.unreadable(ref)
  const uid = module?.metadata.uid
  const kernel = pod.annotations[annotations.kernel]
  const inputHash = pod.labels[labels.inputHash]
  const attempt = attemptOf(pod)
  if (uid === undefined || pod.labels[labels.moduleUid] !== uid) return false
  if (inputHash === undefined || attempt === undefined) return false
  if (kernel === undefined || storedEntry(module, kernel) === undefined) return false
  const nameOf = { BuildImage: buildPodName, SignImage: signPodName }[pod.labels[labels.resourceType] ?? '']
  return nameOf !== undefined && pod.name === nameOf(ref.name, inputHash, attempt)
}

/** Which attempt a pod is of; undefined for what is none. */
export function attemptOf({ labels: its }: Pick<PodFacts, 'labels'>): number | undefined {
  const attempt = its[labels.attempt]
  return attempt === undefined ? undefined : Number(attempt)
}

/**
 * Has the operator written in status that it makes this attempt, or a later one, of these inputs? It does so before it
 * makes the pod.
 */
export function isAnnounced(stored: KernelStatus | undefined, pod: PodFacts): boolean {
  const attempt = attemptOf(pod)
  if (attempt === undefined || stored?.inputHash !== pod.labels[labels.inputHash]) return false
  return attempt <= (stored?.attempt ?? 0)
}

/** Is this the one pod that status announced last for its kernel? */
export function isAnnouncedLast(cluster: ClusterSnapshot, ref: ModuleRef, pod: PodFacts): boolean {
  const kernel = pod.annotations[annotations.kernel]
  if (kernel === undefined) return false
  const stored = storedEntry(storedModule(cluster, ref), kernel)
  return isAnnounced(stored, pod) && attemptOf(pod) === stored?.attempt
}
