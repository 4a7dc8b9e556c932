import { WorkflowNotFoundError, type Client } from '@temporalio/client'
import type { KernelSubject, ModuleSubject } from '../activities/contract.ts'
import type { Runs } from '../activities/dependencies.ts'
import {
  isFormerQueue,
  kernelRunId,
  moduleRunId,
  taskQueue,
  watchQueue,
  type ModuleRef,
} from '../api/names.ts'
import type { KernelRunInput, ModuleRunInput } from '../workflows/index.ts'
import { doorbell, retryBuild, type Doorbell, type RetryRequest } from '../workflows/messages.ts'
import { searchAttributes } from '../workflows/searchAttributes.ts'

/** How long a run with nothing to do listens on, and the least time between two writes of a Module's counters. */
const quietMs = 1_000
/** Pause before a build that the cluster ended is made again for the first time. */
const rerunPauseMs = 10_000

/** Rings runs: signals the open one, or starts one, in a single request. */
export interface Bell extends Runs {
  kernelRun(ref: ModuleRef, kernel: string): string
  moduleRun(ref: ModuleRef): string
  ringKernel(subject: KernelSubject, news: Doorbell): Promise<void>
  ringModule(subject: ModuleSubject, news: Doorbell): Promise<void>
  /** Signals a run that is open; never starts one. */
  nudge(runId: string, news: Doorbell): Promise<void>
  /**
   * Ids of all open runs of this cluster. Those of an earlier generation, whose history this operator cannot replay and
   * whose queue nobody polls, are terminated: they are none, and begin anew when they are rung (design, "Upgrades").
   */
  openRuns(): Promise<Set<string>>
}

/** A bell for one cluster; `cluster` is `temporal.clusterName`. */
export function createBell(client: Client, cluster: string): Bell {
  const attributes = (ref: ModuleRef) => [
    { key: searchAttributes.cluster, value: cluster },
    { key: searchAttributes.namespace, value: ref.namespace },
    { key: searchAttributes.module, value: ref.name },
  ]
  const watch = watchQueue(cluster)
  const kernelStart = (subject: KernelSubject) => {
    const { ref, kernel } = subject
    return {
      workflowId: kernelRunId(cluster, ref, kernel),
      taskQueue: taskQueue(cluster),
      args: [{ subject, watchQueue: watch, quietMs, rerunPauseMs, seen: {} }] as [KernelRunInput],
      staticSummary: `Module ${ref.namespace}/${ref.name}, kernel ${kernel}`,
      typedSearchAttributes: [
        ...attributes(ref),
        { key: searchAttributes.kernel, value: kernel },
        { key: searchAttributes.held, value: false },
      ],
    }
  }
  return {
    kernelRun: (ref, kernel) => kernelRunId(cluster, ref, kernel),
    moduleRun: (ref) => moduleRunId(cluster, ref),
    async ringKernel(subject, news) {
      const start = { ...kernelStart(subject), signal: doorbell, signalArgs: [news] as [Doorbell] }
      await client.workflow.signalWithStart('moduleKernel', start)
    },
    async retryKernel(subject, by) {
      const signalArgs: [RetryRequest] = [{ reason: by }]
      const start = { ...kernelStart(subject), signal: retryBuild, signalArgs }
      await client.workflow.signalWithStart('moduleKernel', start)
    },
    async cancelKernel({ ref, kernel }) {
      await unlessGone(client.workflow.getHandle(kernelRunId(cluster, ref, kernel)).cancel())
    },
    async ringModule(subject, news) {
      const { ref } = subject
      const args: [ModuleRunInput] = [{ subject, watchQueue: watch, quietMs, seen: {} }]
      await client.workflow.signalWithStart('module', {
        workflowId: moduleRunId(cluster, ref),
        taskQueue: taskQueue(cluster),
        args,
        staticSummary: `Module ${ref.namespace}/${ref.name}`,
        typedSearchAttributes: attributes(ref),
        signal: doorbell,
        signalArgs: [news],
      })
    },
    async nudge(runId, news) {
      await unlessGone(client.workflow.getHandle(runId).signal(doorbell, news))
    },
    async openRuns() {
      const open = new Set<string>()
      const query = `KmmCluster="${cluster}" AND ExecutionStatus="Running"`
      for await (const { workflowId, runId, taskQueue: queue } of client.workflow.list({ query })) {
        if (isFormerQueue(cluster, queue))
          await unlessGone(client.workflow.getHandle(workflowId, runId).terminate(upgraded))
        else open.add(workflowId)
      }
      return open
    },
  }
}

/** What the Temporal UI gives as the reason. */
const upgraded = 'The operator was upgraded; it begins a new run in place of this one.'

/** A run that has ended hears nothing more, which is no error. */
async function unlessGone(request: Promise<unknown>): Promise<void> {
  try {
    await request
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error
  }
}
