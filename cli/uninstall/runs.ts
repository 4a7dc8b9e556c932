import { shell } from '../../api/text/shellWord.ts'
import { WorkflowNotFoundError } from '@temporalio/client'
import type { Call } from '../call.ts'
import { CliError } from '../exitCodes.ts'
import { temporalPlace, withTemporal, type TemporalPlace } from '../temporal/connect.ts'

const reason = 'kmm-temporal is uninstalled'

/**
 * Terminates the open runs of a cluster, which no worker would execute any more. Where Temporal is not known or does not
 * answer, prints the command that does it: runs that are left open harm nothing.
 */
export async function terminateRuns(call: Call, cluster: string): Promise<void> {
  const place = await temporalPlace(call)
  if (place === undefined) {
    call.note('  Where Temporal is was not found (--temporal-address, TEMPORAL_ADDRESS). Where it is, run')
    return call.note(`  ${terminateCommand(cluster)}`)
  }
  try {
    const number = await withTemporal(call, place, async (client) => {
      let terminated = 0
      for await (const { workflowId, runId } of client.workflow.list({ query: openRuns(cluster) })) {
        await client.workflow.getHandle(workflowId, runId).terminate(reason).catch(notFound)
        terminated++
      }
      return terminated
    })
    call.note(`  ${number} runs were open`)
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    call.note(`  ${error.message}. If it is still there, run`)
    call.note(`  ${terminateCommand(cluster, place)}`)
  }
}

function openRuns(cluster: string): string {
  return `KmmCluster="${cluster}" AND ExecutionStatus="Running"`
}

/** The same by Temporal's own program. */
function terminateCommand(cluster: string, place?: TemporalPlace): string {
  const where = place === undefined ? '' : shell` --address ${place.address} --namespace ${place.namespace}`
  return `temporal workflow terminate${where}${shell` --query ${openRuns(cluster)} --reason ${reason} --yes`}`
}

/** It has ended by itself. */
function notFound(error: unknown): void {
  if (!(error instanceof WorkflowNotFoundError)) throw error
}
