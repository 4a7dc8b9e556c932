import type { Interruption } from './facts.ts'
import type { ContainerStatusObject, PodObject } from './kubernetesObjects.ts'

type Status = NonNullable<PodObject['status']>
type End = NonNullable<NonNullable<ContainerStatusObject['state']>['terminated']>

/** The pod's own reason, as kubelet and node lifecycle controller write it. */
const byReason: Readonly<Record<string, Interruption['reason']>> = {
  Evicted: 'Evicted',
  Preempting: 'Preempted',
  NodeLost: 'NodeLost',
  // A graceful shutdown of the node: pods that ran, and pods that came meanwhile.
  Terminated: 'NodeShutdown',
  NodeShutdown: 'NodeShutdown',
}

/** Who wrote the condition DisruptionTarget. */
const byCondition: Readonly<Record<string, Interruption['reason']>> = {
  PreemptionByScheduler: 'Preempted',
  EvictionByEvictionAPI: 'Evicted',
  DeletionByTaintManager: 'Evicted',
  DeletionByPodGC: 'NodeLost',
}

/**
 * Why the cluster ends, or has ended, a pod before what runs in it came to its own end: an eviction, a preemption, a
 * lost node, a shutdown, or a node that refused it. Undefined for a pod that ended by itself or by a limit that is
 * the user's (memory, deadline, disk), or that nobody disturbs. Never repeats what a container wrote.
 */
export function interruptionOf(pod: PodObject): Interruption | undefined {
  const { status } = pod
  if (status === undefined || status.phase === 'Succeeded' || status.reason === 'DeadlineExceeded')
    return undefined
  if (exceedsOwnDisk(status.reason, status.message)) return undefined
  const ends = (status.containerStatuses ?? []).flatMap((c) => c.state?.terminated ?? [])
  const target = status.conditions?.find((c) => c.type === 'DisruptionTarget' && c.status === 'True')
  if (target !== undefined && ends.some((end) => endedBefore(end, target.lastTransitionTime)))
    return undefined
  const reason =
    byReason[status.reason ?? ''] ??
    (target === undefined ? undefined : (byCondition[target.reason ?? ''] ?? 'Evicted')) ??
    refusalOf(status, ends) ??
    lostContainer([
      ...ends,
      ...(status.initContainerStatuses ?? []).flatMap((c) => c.state?.terminated ?? []),
    ])
  if (reason === undefined) return undefined
  const message = status.message ?? target?.message ?? sentences[reason]
  return { reason, message: message.slice(0, 300) }
}

/** As the kubelet says which limit of the pod itself it was, and not a lack of disk on the node. */
const ownDisk = [
  'exceeds the limit',
  'exceeded its local ephemeral storage limit',
  'exceeds the total limit of containers',
] as const

/** Was a pod evicted because it wrote more to disk than it may, so that it would be evicted again? */
export function exceedsOwnDisk(podReason: string | undefined, podMessage = ''): boolean {
  return podReason === 'Evicted' && ownDisk.some((words) => podMessage.includes(words))
}

const sentences: Readonly<Record<Interruption['reason'], string>> = {
  Evicted: 'The pod was evicted.',
  Preempted: 'The pod had to make room for a more important one.',
  NodeLost: 'The node lost the pod.',
  NodeShutdown: 'The node was shut down.',
  RejectedByNode: 'The node refused the pod.',
}

/** Kubernetes writes whole seconds: what happened in the same one may be an effect. */
function endedBefore(end: End, time: string | undefined): boolean {
  return time !== undefined && end.finishedAt !== undefined && Date.parse(end.finishedAt) < Date.parse(time)
}

/** A kubelet that does not admit a pod (OutOfcpu, UnexpectedAdmissionError, NodeAffinity ...) fails it as it is. */
function refusalOf(status: Status, ends: readonly End[]): 'RejectedByNode' | undefined {
  const refused = status.phase === 'Failed' && status.reason !== undefined && ends.length === 0
  return refused ? 'RejectedByNode' : undefined
}

/** After a reboot the kubelet, or the container runtime, knows of a container only that it is no more. */
function lostContainer(ends: readonly End[]): 'NodeLost' | undefined {
  const lost = ends.some(
    ({ reason, exitCode }) =>
      reason === 'ContainerStatusUnknown' || (reason === 'Unknown' && exitCode === 255),
  )
  return lost ? 'NodeLost' : undefined
}
