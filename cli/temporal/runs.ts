import type { Client, WorkflowExecutionInfo } from '@temporalio/client'
import { clusterNameOf, moduleRunId, type ModuleRef } from '../../api/names.ts'
import type { StoredModule } from '../../api/readModule.ts'
import type { Cluster } from '../kube/cluster.ts'
import { ForbiddenError } from '../kube/errors.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import type { HistoryEvent } from './timeline.ts'

/** Which runs are meant. */
export interface RunSelection {
  readonly ref: ModuleRef
  readonly kernel?: string | undefined
  /** As in workflow ids; unknown: of whatever cluster. */
  readonly cluster?: string | undefined
}

/** Runs of a Module, newest first. */
export async function listRuns(
  client: Client,
  { ref, kernel, cluster }: RunSelection,
  limit: number,
): Promise<WorkflowExecutionInfo[]> {
  const equals = (name: string, value: string) => `${name}="${value.replaceAll(/["\\]/gu, '')}"`
  const conditions = [
    equals('WorkflowType', 'moduleKernel'),
    equals('KmmNamespace', ref.namespace),
    equals('KmmModule', ref.name),
    ...(kernel === undefined ? [] : [equals('KmmKernel', kernel)]),
    ...(cluster === undefined ? [] : [equals('KmmCluster', cluster)]),
  ]
  const found: WorkflowExecutionInfo[] = []
  for await (const run of client.workflow.list({ query: conditions.join(' AND ') })) {
    found.push(run)
    if (found.length >= limit) break
  }
  return found.toSorted((a, b) => b.startTime.getTime() - a.startTime.getTime())
}

/** All events of one run. */
export async function eventsOf(
  client: Client,
  { workflowId, runId }: { readonly workflowId: string; readonly runId: string },
): Promise<readonly HistoryEvent[]> {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory()
  return (history.events ?? []) as readonly HistoryEvent[]
}

/**
 * The cluster's name in workflow ids: as status has it, else the first digits of the uid of namespace kube-system, as
 * far as this user may read that.
 */
export async function clusterName(
  api: Cluster,
  ref: ModuleRef,
  module: Pick<StoredModule, 'status'> | undefined,
): Promise<string | undefined> {
  for (const { workflowId = '' } of module?.status?.kernels ?? []) {
    const [, cluster = ''] = workflowId.split(':')
    if (workflowId.startsWith(`${moduleRunId(cluster, ref)}:`)) return cluster
  }
  try {
    const system = await api.get<StoredObject>(kinds.namespaces, { name: 'kube-system' })
    return system && clusterNameOf(system.metadata.uid)
  } catch (error) {
    if (error instanceof ForbiddenError) return undefined
    throw error
  }
}
