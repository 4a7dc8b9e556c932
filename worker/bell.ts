import { WorkflowNotFoundError, type Client, type WorkflowStartOptions } from '@temporalio/client'
import type { KernelSubject, ModuleSubject } from '../activities/contract.ts'
import { kernelRunId, moduleRunId, taskQueue, watchQueue, type ModuleRef } from '../api/names.ts'
import type { KernelRunInput, ModuleRunInput } from '../workflows/index.ts'
import { doorbell, type Doorbell } from '../workflows/messages.ts'
import { searchAttributes } from '../workflows/searchAttributes.ts'

/** How long a run with nothing to do listens on, and the least time between two writes of a Module's counters. */
const quietMs = 1_000

/** Rings runs: signals the open one, or starts one, in a single request. */
export interface Bell {
  kernelRun(ref: ModuleRef, kernel: string): string
  moduleRun(ref: ModuleRef): string
  ringKernel(subject: KernelSubject, news: Doorbell): Promise<void>
  ringModule(subject: ModuleSubject, news: Doorbell): Promise<void>
  /** Signals a run that is open; never starts one. */
  nudge(runId: string, news: Doorbell): Promise<void>
  /** Ids of all open runs of this cluster. */
  openRuns(): Promise<Set<string>>
}

/** A bell for one cluster; `cluster` is `temporal.clusterName`. */
export function createBell(client: Client, cluster: string): Bell {
  const attributes = (ref: ModuleRef) => [
    { key: searchAttributes.cluster, value: cluster },
    { key: searchAttributes.namespace, value: ref.namespace },
    { key: searchAttributes.module, value: ref.name },
  ]
  const ring = async (
    workflow: 'moduleKernel' | 'module',
    options: Omit<WorkflowStartOptions, 'taskQueue'> & { readonly args: [KernelRunInput | ModuleRunInput] },
    news: Doorbell,
  ) => {
    const start = {
      ...options,
      taskQueue: taskQueue(cluster),
      signal: doorbell,
      signalArgs: [news] as [Doorbell],
    }
    await client.workflow.signalWithStart(workflow, start)
  }
  const watch = watchQueue(cluster)
  return {
    kernelRun: (ref, kernel) => kernelRunId(cluster, ref, kernel),
    moduleRun: (ref) => moduleRunId(cluster, ref),
    async ringKernel(subject, news) {
      const { ref, kernel } = subject
      await ring(
        'moduleKernel',
        {
          workflowId: kernelRunId(cluster, ref, kernel),
          args: [{ subject, watchQueue: watch, quietMs, seen: {} }],
          staticSummary: `Module ${ref.namespace}/${ref.name}, kernel ${kernel}`,
          typedSearchAttributes: [
            ...attributes(ref),
            { key: searchAttributes.kernel, value: kernel },
            { key: searchAttributes.held, value: false },
          ],
        },
        news,
      )
    },
    async ringModule(subject, news) {
      const { ref } = subject
      await ring(
        'module',
        {
          workflowId: moduleRunId(cluster, ref),
          args: [{ subject, watchQueue: watch, quietMs, seen: {} }],
          staticSummary: `Module ${ref.namespace}/${ref.name}`,
          typedSearchAttributes: attributes(ref),
        },
        news,
      )
    },
    async nudge(runId, news) {
      try {
        await client.workflow.getHandle(runId).signal(doorbell, news)
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error
      }
    },
    async openRuns() {
      const open = new Set<string>()
      const query = `KmmCluster="${cluster}" AND ExecutionStatus="Running"`
      for await (const run of client.workflow.list({ query })) open.add(run.workflowId)
      return open
    },
  }
}
