import type { PodRejection } from './kube/errors.ts'

/** The reason in status of a pod that the cluster refuses. */
export function podRefusedReason(reason: PodRejection['reason']): string {
  switch (reason) {
    case 'Rejected':
      return 'PodRejected'
    case 'NamespaceGone':
      return reason
    default:
      return `PodRefusedBy${reason}`
  }
}
