import { Context } from '@temporalio/activity'

/** The same for every attempt of one activity of one run, and for no other. */
export function thisActivity(): string {
  const { activityId, workflowExecution } = Context.current().info
  return `${workflowExecution?.runId} ${activityId}`
}
