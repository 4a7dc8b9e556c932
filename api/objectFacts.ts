import type { DockerfileFacts, NodeFacts, PodFacts, PodState } from './facts.ts'
import type { ConfigMapObject, ContainerStatusObject, NodeObject, PodObject } from './kubernetesObjects.ts'
import { interruptionOf } from './interruption.ts'
import { containers as ours, labels as keys } from './names.ts'
import { boundedPod } from './podSchema.ts'
import { validNodeInfo } from './nodeForm.ts'

/** What we act on of a Node object, within its form. */
export function nodeFacts(node: NodeObject): NodeFacts {
  return {
    name: node.metadata.name,
    uid: node.metadata.uid,
    ...validNodeInfo(node.status?.nodeInfo),
    ready: node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
    labels: node.metadata.labels ?? {},
    taints: (node.spec?.taints ?? []).map(({ key, value, effect }) => ({
      key,
      effect,
      ...(value === undefined ? {} : { value }),
    })),
  }
}

/** What we act on of one of our pods, all of it within its bounds. */
export function podFacts(unbounded: PodObject): PodFacts {
  const pod = boundedPod(unbounded)
  const { namespace = '', name, uid, resourceVersion, labels, annotations, deletionTimestamp } = pod.metadata
  const nodeName = pod.spec?.nodeName
  const interruption = interruptionOf(pod)
  return {
    namespace,
    name,
    uid,
    resourceVersion,
    ...(nodeName === undefined ? {} : { nodeName }),
    labels: labels ?? {},
    annotations: annotations ?? {},
    deleting: deletionTimestamp !== undefined,
    ...(runsLoader(pod) ? { runsLoader: true as const } : {}),
    ...(interruption === undefined ? {} : { interruption }),
    state: podState(pod),
  }
}

/**
 * Is this pod able to load a module? Who can create one that is has root on the node already, whoever it is. Images are
 * not compared: admission in the cluster may write another registry into them.
 */
function runsLoader({ spec }: PodObject): boolean {
  const worker = spec?.containers?.find((container) => container.name === ours.worker)
  if (worker === undefined || worker.command !== undefined) return false
  const isLoader = worker.args?.length === 1 && worker.args[0] === 'loader'
  return isLoader && worker.securityContext?.capabilities?.add?.includes('SYS_MODULE') === true
}

/** The container whose result is the pod's. */
function mainContainer({ metadata }: PodObject): string {
  return metadata.labels?.[keys.workerAction] === undefined ? ours.build : ours.worker
}

function podState(pod: PodObject): PodState {
  const { status } = pod
  const containers: readonly ContainerStatusObject[] = status?.containerStatuses ?? []
  const all: readonly ContainerStatusObject[] = [...(status?.initContainerStatuses ?? []), ...containers]
  const ends = all.flatMap((c) =>
    c.state?.terminated === undefined ? [] : [{ name: c.name, ...c.state.terminated }],
  )
  const finishedAt =
    ends
      .map((end) => end.finishedAt ?? '')
      .sort()
      .at(-1) ||
    (pod.metadata.creationTimestamp ?? '')
  switch (status?.phase) {
    case 'Succeeded': {
      const main = containers.find(({ name }) => name === mainContainer(pod))
      return { kind: 'succeeded', message: main?.state?.terminated?.message ?? '', finishedAt }
    }
    case 'Failed': {
      const bad = ends.filter((end) => end.exitCode !== 0)
      const end = bad.find(({ name }) => name === mainContainer(pod)) ?? bad[0]
      return {
        kind: 'failed',
        ...(status.reason === undefined ? {} : { podReason: status.reason }),
        ...(status.message === undefined ? {} : { podMessage: status.message }),
        ...(end === undefined ? {} : { container: end.name, exitCode: end.exitCode }),
        ...(end?.reason === undefined ? {} : { reason: end.reason }),
        message: end?.message ?? '',
        finishedAt,
      }
    }
    case 'Running':
      return { kind: 'running' }
    default:
      return notCreated(pod, all) ?? { kind: 'pending', ...pendingReason(pod, all), ...begun(all) }
  }
}

function begun(containers: readonly ContainerStatusObject[]): { begun?: true } {
  return containers.some(({ state }) => state?.running !== undefined) ? { begun: true } : {}
}

/** Does a container runtime say that an image lacks the program of a container? In the words of runc and of crun. */
export function saysProgramMissing(message: string): boolean {
  const at = message.indexOf('executable file ')
  return at !== -1 && message.includes('not found', at)
}

/**
 * An extractor whose image lacks `cp`. CRI-O tells so when it creates the container, and the kubelet tries again without
 * end; elsewhere the container is created, and does not start. Both are the same end.
 */
function notCreated(pod: PodObject, containers: readonly ContainerStatusObject[]): PodState | undefined {
  const found = containers.find(({ name, state }) => {
    const { reason, message = '' } = state?.waiting ?? {}
    if (!name.endsWith('-extractor') || reason !== 'CreateContainerError') return false
    return saysProgramMissing(message)
  })
  if (found === undefined) return undefined
  const finishedAt = pod.metadata.creationTimestamp ?? ''
  const message = found.state?.waiting?.message ?? ''
  return { kind: 'failed', container: found.name, exitCode: 128, reason: 'StartError', message, finishedAt }
}

/** Why a pod has not started: a container's waiting reason, or the scheduler's. */
function pendingReason(
  pod: PodObject,
  containers: readonly ContainerStatusObject[],
): { reason?: string; message?: string } {
  const waiting = containers
    .map((c) => c.state?.waiting)
    .find((w) => w?.reason !== undefined && !isUsual(w.reason))
  const scheduled = pod.status?.conditions?.find((c) => c.type === 'PodScheduled' && c.status === 'False')
  const { reason, message } = waiting ?? scheduled ?? {}
  return { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) }
}

function isUsual(reason: string): boolean {
  return reason === 'ContainerCreating' || reason === 'PodInitializing'
}

/** The one key of a ConfigMap that concerns us; the rest is not kept. */
export function dockerfileFacts(configMap: ConfigMapObject): DockerfileFacts {
  const { namespace = '', name } = configMap.metadata
  const dockerfile = configMap.data?.['dockerfile']
  return { namespace, name, ...(dockerfile === undefined ? {} : { dockerfile }) }
}
