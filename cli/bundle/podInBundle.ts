import type { ContainerStatusObject, PodObject } from '../../api/kubernetesObjects.ts'
import { labels } from '../../api/names.ts'
import { leftOut } from '../../api/text/redact.ts'

/**
 * A pod without what its commands may have left: where a build or a signing says its digest, a command of a Dockerfile
 * can write its Secret, and no mask has seen that. What a loader says stays.
 */
export function podInBundle(pod: PodObject): PodObject {
  if (pod.status === undefined || pod.metadata.labels?.[labels.resourceType] === undefined) return pod
  const { initContainerStatuses, containerStatuses } = pod.status
  return {
    ...pod,
    status: {
      ...pod.status,
      ...(initContainerStatuses && { initContainerStatuses: initContainerStatuses.map(withoutMessage) }),
      ...(containerStatuses && { containerStatuses: containerStatuses.map(withoutMessage) }),
    },
  }
}

function withoutMessage(status: ContainerStatusObject): ContainerStatusObject {
  const { terminated } = status.state ?? {}
  if (terminated?.message === undefined) return status
  return { ...status, state: { ...status.state, terminated: { ...terminated, message: leftOut } } }
}
