import { ApplicationFailure } from '@temporalio/common'
import type { NodeFacts, PodFacts } from '../../api/facts.ts'
import type { LoaderResult } from '../../api/loaderResult.ts'
import type { KernelStatus } from '../../api/module.ts'
import { moduleKey, readyLabel, type ModuleRef } from '../../api/names.ts'
import type { NodeWork } from '../../api/nodePlan.ts'
import type { ModuleConfig, ModuleEntry, ModuleStatusEntry } from '../../api/nodeModulesConfig.ts'
import type { KernelFacts } from '../../api/viewKernel.ts'
import type { KernelSubject, NodeOutcome } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { nodes } from '../kube/resources.ts'
import { loaderOutcome } from './loaderOutcome.ts'
import { sayOnNode } from './nodeEvent.ts'
import { forget, recordFact, type RecordRef } from './record.ts'

/** First and longest pause before a module in use is tried again, in milliseconds. */
const inUse = { first: 5_000, longest: 5 * 60_000 }

/** One action on one node, with what it was decided on. */
export interface Task {
  readonly work: NodeWork
  readonly node: NodeFacts
  readonly config: ModuleConfig
  readonly facts: KernelFacts
  /** The kernel's entry in status, for what has to be said while it waits. */
  readonly said: KernelStatus | undefined
}

/** `retry`: the result is written down, and the action is tried again after a while. */
export type Conclusion =
  | { readonly kind: 'outcome'; readonly outcome: NodeOutcome }
  | { readonly kind: 'retry'; readonly failure: ApplicationFailure }

/** Writes down what came of the worker pod. */
export async function conclude(
  deps: Dependencies,
  subject: KernelSubject,
  task: Task,
  run: {
    record: RecordRef
    entry: ModuleEntry
    status: ModuleStatusEntry | undefined
    ended: PodFacts | undefined
  },
): Promise<Conclusion> {
  const { ref } = subject
  const { work, node, config } = task
  const { record, entry, status, ended } = run
  if (ended === undefined || (ended.state.kind !== 'succeeded' && ended.state.kind !== 'failed')) {
    const failure = ApplicationFailure.retryable('The worker pod is gone; it is made again.', 'WorkerPodGone')
    return { kind: 'retry', failure }
  }
  const said = loaderOutcome(ended.state)
  const result = said.kind === 'result' ? said.result : undefined
  if (result?.reason === 'Obsolete' || (result !== undefined && result.bootId !== node.bootId)) {
    return {
      kind: 'outcome',
      outcome: { kind: 'obsolete', message: result.message ?? 'another boot', seen: {} },
    }
  }
  if (result !== undefined && result.reason === undefined && ended.state.kind === 'succeeded') {
    const ended = result.lsmod ?? `${result.command.join(' ')} ended with ${result.exitStatus}`
    const message = result.message === undefined ? ended : `${ended}; ${result.message}`
    const { namespace, name, serviceAccountName, imageRepoSecret, tolerations, version } = entry
    const loaded: ModuleStatusEntry = {
      namespace,
      name,
      serviceAccountName,
      ...(imageRepoSecret === undefined ? {} : { imageRepoSecret }),
      ...(tolerations === undefined ? {} : { tolerations }),
      ...(version === undefined ? {} : { version }),
      config,
      configHash: work.configHash,
      bootId: result.bootId,
      ...(result.firmwareHostPath === undefined ? {} : { firmwareHostPath: result.firmwareHostPath }),
    }
    const seen =
      work.action === 'Load'
        ? await recordFact(deps, ref, record, loaded)
        : await unloaded(deps, task, ref, record)
    await setReady(deps, ref, node, work.action === 'Load')
    await sayOnNode(deps, ref, node, eventOf(ref, work, result))
    return { kind: 'outcome', outcome: { kind: 'done', message, seen } }
  }
  const reason = result?.reason ?? (said.kind === 'none' ? said.reason : 'ModprobeFailed')
  const message = (
    result === undefined
      ? said.kind === 'none'
        ? said.message
        : ''
      : `${result.message ?? ''} ${result.output}`
  ).trim()
  const attempts = (sameFailure(status, work) ? (status?.failure?.attempts ?? 0) : 0) + 1
  const { action, configHash, bootId } = work
  const failure = {
    action: action as 'Load' | 'Unload',
    configHash,
    bootId,
    reason,
    message: message.slice(0, 2048),
    at: new Date().toISOString(),
    attempts,
  }
  const { namespace, name, serviceAccountName } = entry
  const seen = await recordFact(deps, ref, record, {
    ...(status ?? { namespace, name, serviceAccountName }),
    failure,
  })
  if (reason === 'InUse') {
    const nextRetryDelay = Math.min(inUse.first * 2 ** (attempts - 1), inUse.longest)
    return {
      kind: 'retry',
      failure: ApplicationFailure.create({ message, type: reason, nextRetryDelay, category: 'BENIGN' }),
    }
  }
  return { kind: 'outcome', outcome: { kind: 'failed', message, seen } }
}

function eventOf(ref: ModuleRef, work: NodeWork, result: LoaderResult) {
  const module = moduleKey(ref)
  const key = `${work.action.toLowerCase()}-${work.configHash}-${work.bootId.slice(0, 8)}`
  return work.action === 'Load'
    ? ({
        reason: 'ModuleLoaded',
        message: `Module ${module} loaded into the kernel: ${result.lsmod ?? ''}`,
        key,
      } as const)
    : ({ reason: 'ModuleUnloaded', message: `Module ${module} unloaded from the kernel`, key } as const)
}

/** After an unload the node has nothing; what it shall have stays, when another config is to follow. */
async function unloaded(deps: Dependencies, task: Task, ref: ModuleRef, record: RecordRef) {
  const stays =
    task.facts.module !== undefined &&
    task.facts.plans.get(task.node.name)?.target === true &&
    task.facts.mapping !== undefined
  return stays ? await recordFact(deps, ref, record, undefined) : await forget(deps, ref, task.node, record)
}

function sameFailure(status: ModuleStatusEntry | undefined, work: NodeWork): boolean {
  const failure = status?.failure
  return (
    failure?.action === work.action &&
    failure.configHash === work.configHash &&
    failure.bootId === work.bootId
  )
}

/** `...ready` on the Node tells users and schedulers that the module is loaded (nodes:8). */
export async function setReady(
  deps: Dependencies,
  ref: ModuleRef,
  node: NodeFacts,
  ready: boolean,
): Promise<void> {
  const label = readyLabel(ref)
  if ((node.labels[label] !== undefined) === ready) return
  await deps.kube.patch(
    nodes,
    { name: node.name },
    { metadata: { uid: node.uid, labels: { [label]: ready ? '' : null } } },
  )
}
