import type { NativeConnection } from '@temporalio/worker'

const dayS = 24 * 60 * 60
const leastDays = 7

/**
 * What is wrong with how long a namespace keeps the histories of ended runs; undefined when nothing is, or when it
 * cannot be told (design: the operator warns below 7 days).
 */
export async function retentionFault(
  { workflowService }: Pick<NativeConnection, 'workflowService'>,
  namespace: string,
): Promise<string | undefined> {
  const answer = await workflowService.describeNamespace({ namespace }).catch(() => undefined)
  const seconds = Number(answer?.config?.workflowExecutionRetentionTtl?.seconds ?? Number.NaN)
  if (Number.isNaN(seconds) || seconds >= leastDays * dayS) return undefined
  return (
    `Temporal keeps ended runs of namespace ${namespace} for ${Math.floor(seconds / dayS)} days: histories and logs of ` +
    `builds are gone after that. Set a retention of at least ${leastDays} days: ` +
    `temporal operator namespace update --namespace ${namespace} --retention 30d`
  )
}
