import { proxyActivities, type ActivityInterfaceFor, type ActivityOptions } from '@temporalio/workflow'
import type { KernelActivities, ModuleActivities } from '../activities/contract.ts'
import { summaryText } from '../api/text/markdown.ts'

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
    short: withPlainSummaries(proxyActivities<KernelActivities & ModuleActivities>(short)),
    asking: withPlainSummaries(proxyActivities<KernelActivities>(asking)),
    following: withPlainSummaries(proxyActivities<KernelActivities>(following(watchQueue))),
  }
}

interface Options {
  readonly summary: string
}

/** Activities as a run calls them: each with a summary, in plain text. */
export type Summarized<T> = {
  readonly [K in keyof T]: T[K] extends (...given: infer A) => infer R
    ? { executeWithOptions(options: Options, given: A): R }
    : never
}

interface Invocable {
  executeWithOptions(options: Options, given: unknown): Promise<unknown>
}

/** Texts from outside stand in summaries, which Temporal's UI takes for Markdown and its server for too long. */
function withPlainSummaries<T extends object>(activities: ActivityInterfaceFor<T>): Summarized<T> {
  const invocable = (name: string | symbol): Invocable => ({
    executeWithOptions: (options, given) => {
      const activity = Reflect.get(activities, name) as Invocable
      return activity.executeWithOptions({ ...options, summary: summaryText(options.summary) }, given)
    },
  })
  return new Proxy({}, { get: (_target, name) => invocable(name) }) as Summarized<T>
}
