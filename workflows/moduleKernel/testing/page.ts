import type { WorkflowHandle } from '@temporalio/client'

/** The page of a run, Markdown, by the query of the Temporal UI; empty when the run has said nothing yet. */
export async function pageOf(run: WorkflowHandle): Promise<string> {
  const { currentDetails = '' } = await run.query<{ currentDetails?: string }>('__temporal_workflow_metadata')
  return currentDetails
}
