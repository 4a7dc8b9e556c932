import { Client } from '@temporalio/client'
import { type NativeConnection, Worker } from '@temporalio/worker'
import { taskQueue, watchQueue } from '../api/names.ts'
import { workflowCode } from './workflowCode.ts'

/** A client over the workers' own connection. */
export function temporalClient(connection: NativeConnection, namespace: string): Client {
  return new Client({ connection, namespace })
}

/** How many build and node pods one process follows at once, and how many short activities it runs. */
const slots = { following: 500, short: 100, workflowTasks: 40, cachedWorkflows: 500 }

/**
 * Two workers in one process: workflows and short activities on one queue, activities that follow pods on another,
 * so that builds cannot starve status writes.
 */
export async function createWorkers(
  connection: NativeConnection,
  namespace: string,
  cluster: string,
  activities: object,
  workflowBundle: string | undefined,
): Promise<Worker[]> {
  const common = {
    connection,
    namespace,
    activities,
    shutdownGraceTime: '2s',
    shutdownForceTime: '20s',
    // Cancellation of a build rides on heartbeats: not later than this.
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '5s',
  } as const
  return [
    await Worker.create({
      ...common,
      taskQueue: taskQueue(cluster),
      ...workflowCode(workflowBundle),
      maxCachedWorkflows: slots.cachedWorkflows,
      maxConcurrentWorkflowTaskExecutions: slots.workflowTasks,
      maxConcurrentActivityTaskExecutions: slots.short,
    }),
    await Worker.create({
      ...common,
      taskQueue: watchQueue(cluster),
      maxConcurrentActivityTaskExecutions: slots.following,
    }),
  ]
}
