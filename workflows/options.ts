import { proxyActivities, type ActivityOptions } from '@temporalio/workflow'
import type { KernelActivities, ModuleActivities } from '../activities/contract.ts'

const retryForEver = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' } as const

/** Short reads and idempotent writes: an API server that is away is waited for. */
const short: ActivityOptions = { startToCloseTimeout: '30s', retry: retryForEver }

/**
 * Asks something that may refuse for hours (a registry, a quota): each attempt is short, attempts go on. By its
 * heartbeats an operator that is lost is told from a registry that is slow.
 */
const asking: ActivityOptions = {
  startToCloseTimeout: '2m',
  heartbeatTimeout: '20s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { ...retryForEver, maximumInterval: '5m' },
}

/**
 * Follows a pod to its end. Heartbeats bring cancellation (throttled to 80 % of the timeout) and tell a lost
 * operator from a long build; the pod is never ended by a timeout of ours.
 */
const following = (taskQueue: string): ActivityOptions => ({
  taskQueue,
  startToCloseTimeout: '1 day',
  heartbeatTimeout: '20s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
})

/** Activities by class of options; a kernel run's `queue` carries the short ones, its watch queue the long ones. */
export function activitiesOn(watchQueue: string) {
  return {
    short: proxyActivities<KernelActivities & ModuleActivities>(short),
    asking: proxyActivities<KernelActivities>(asking),
    following: proxyActivities<KernelActivities>(following(watchQueue)),
  }
}
