import type { PodRejection } from './kube/errors.ts'

/** The reason in status of a pod that the cluster refuses. */
export function podRefusedReason(reason: PodRejection['reason']): string {
  return reason === 'Rejected' ? 'PodRejected' : `PodRefusedBy${reason}`
}
