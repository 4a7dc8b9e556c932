import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import type { NodeFacts, PodFacts } from '../../api/facts.ts'
import { labels, readyLabel, workerPodName, type ModuleRef } from '../../api/names.ts'
import type { KernelStatus } from '../../api/module.ts'
import type { NodePlan, NodeWork } from '../../api/nodePlan.ts'
import type { ModuleConfig, ModuleEntry, ModuleStatusEntry } from '../../api/nodeModulesConfig.ts'
import { viewKernel, type KernelFacts } from '../../api/viewKernel.ts'
import type { KernelSubject, NodeOutcome, NodeRequest } from '../contract.ts'
import { viewSettings, type Dependencies } from '../dependencies.ts'
import { heartbeating } from '../heartbeat.ts'
import type { PodRejection } from '../kube/errors.ts'
import { nodes } from '../kube/resources.ts'
import { removePod } from '../removePod.ts'
import { waitBecause } from '../status.ts'
import { podRefusedReason } from '../podRefused.ts'
import { loaderOutcome } from './loaderOutcome.ts'
import { forget, recordFact, recordWish, type RecordRef } from './record.ts'
import { ensureWorkerPod } from './ensureWorkerPod.ts'

/** First and longest pause before a module in use is tried again, in milliseconds. */
const inUse = { first: 5_000, longest: 5 * 60_000 }

/**
 * Does one action of one Module on one node: writes the wish, runs the worker pod, writes the fact, removes the
 * pod. May run twice: the plan is made anew, the pod's name is a lock, facts are written before the pod goes.
 */
export async function workOnNode(deps: Dependencies, request: NodeRequest): Promise<NodeOutcome> {
  const { subject, work, entry } = request
  const { ref } = subject
  const { heartbeat } = Context.current()
  const { facts } = viewKernel(deps.cache, ref, subject.kernel, viewSettings(deps))
  const found = facts.plans.get(work.node)
  const config = found === undefined ? undefined : configOf(found.plan, work, found.node)
  if (found === undefined || config === undefined) {
    await removeLeftover(deps, ref, work)
    return { kind: 'obsolete', message: 'the node or what it shall have is another by now', seen: {} }
  }
  let phase = 'starting'
  return await heartbeating(
    () => heartbeat({ node: work.node, phase }),
    async () =>
      await act(
        deps,
        subject,
        { work, node: found.node, config, facts, said: entry },
        (now) => void (phase = now),
      ),
  )
}

/** How soon a pod that the cluster refused is tried again, in milliseconds. */
const refusedPaceMs = 15_000

function workerPodRefused(node: NodeFacts, { reason, message }: PodRejection) {
  return { reason: podRefusedReason(reason), message: `worker pod on node ${node.name}: ${message}` }
}

interface Task {
  readonly work: NodeWork
  readonly node: NodeFacts
  readonly config: ModuleConfig
  readonly facts: KernelFacts
  /** The kernel's entry in status, for what has to be said while it waits. */
  readonly said: KernelStatus | undefined
}

async function act(
  deps: Dependencies,
  subject: KernelSubject,
  task: Task,
  say: (phase: string) => void,
): Promise<NodeOutcome> {
  const { work, node } = task
  const { ref } = subject
  const status = statusEntry(deps, ref, node)
  if (work.action === 'Forget') {
    const record = existingRecord(deps, node)
    const seen = record === undefined ? {} : await forget(deps, ref, record)
    await setReady(deps, ref, node, false)
    return { kind: 'done', message: 'forgotten', seen }
  }
  const entry = entryFor(task, ref, status)
  const record =
    work.action === 'Load' ? await recordWish(deps, ref, node, entry) : existingRecord(deps, node)
  if (record === undefined) return { kind: 'obsolete', message: 'the node has no record', seen: {} }
  say('worker pod')
  const refused = (rejection: PodRejection) =>
    waitBecause(deps, subject, task.said, { ...workerPodRefused(node, rejection), delayMs: refusedPaceMs })
  const input = { ref, node, action: work.action, entry, configHash: work.configHash, record }
  const pod = await ensureWorkerPod(deps, input, refused)
  const ended = await deps.cache.waitForPod(
    pod,
    (facts) => facts?.uid !== pod.uid || facts.state.kind === 'succeeded' || facts.state.kind === 'failed',
    Context.current().cancellationSignal,
  )
  say('writing down the result')
  const outcome = await conclude(deps, subject, task, {
    record,
    entry,
    status,
    ended: ended?.uid === pod.uid ? ended : undefined,
  })
  await removePod(deps, pod)
  if (outcome.kind === 'retry') throw outcome.failure
  return outcome.outcome
}

type Conclusion =
  | { readonly kind: 'outcome'; readonly outcome: NodeOutcome }
  | { readonly kind: 'retry'; readonly failure: ApplicationFailure }

/** Writes down what came of the worker pod. */
async function conclude(
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
    const message = result.lsmod ?? `${result.command.join(' ')} ended with ${result.exitStatus}`
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
    }
    const seen =
      work.action === 'Load'
        ? await recordFact(deps, ref, record, loaded)
        : await unloaded(deps, task, ref, record)
    await setReady(deps, ref, node, work.action === 'Load')
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

/** After an unload the node has nothing; what it shall have stays, when another config is to follow. */
async function unloaded(deps: Dependencies, task: Task, ref: ModuleRef, record: RecordRef) {
  const stays =
    task.facts.module !== undefined &&
    task.facts.plans.get(task.node.name)?.target === true &&
    task.facts.mapping !== undefined
  return stays ? await recordFact(deps, ref, record, undefined) : await forget(deps, ref, record)
}

function sameFailure(status: ModuleStatusEntry | undefined, work: NodeWork): boolean {
  const failure = status?.failure
  return (
    failure?.action === work.action &&
    failure.configHash === work.configHash &&
    failure.bootId === work.bootId
  )
}

/** The config the command is about, when the plan made now still wants just this. */
function configOf(plan: NodePlan, work: NodeWork, node: NodeFacts): ModuleConfig | undefined {
  if (node.uid !== work.uid || node.bootId !== work.bootId) return undefined
  const planned = plan.kind === 'work' ? plan.work : plan.kind === 'failed' ? plan.failure : undefined
  const same = planned?.action === work.action && planned.configHash === work.configHash
  return same && (plan.kind === 'work' || plan.kind === 'failed') ? plan.config : undefined
}

/** Unloading needs what loading used (nodes:DEL-4); loading takes the Module as it is. */
function entryFor(task: Task, ref: ModuleRef, status: ModuleStatusEntry | undefined): ModuleEntry {
  const { config, facts, work } = task
  const { namespace, name } = ref
  if (work.action === 'Unload' && status !== undefined) return { ...status, namespace, name, config }
  const { mapping } = facts
  return {
    namespace,
    name,
    serviceAccountName: mapping?.serviceAccountName ?? status?.serviceAccountName ?? 'default',
    ...(mapping?.imageRepoSecret === undefined ? {} : { imageRepoSecret: mapping.imageRepoSecret }),
    ...(mapping === undefined ? {} : { tolerations: [...mapping.tolerations] }),
    ...(mapping?.version === undefined ? {} : { version: mapping.version }),
    config,
  }
}

function statusEntry(deps: Dependencies, ref: ModuleRef, node: NodeFacts): ModuleStatusEntry | undefined {
  const entries = deps.cache.nodeModulesConfig(node.name)?.status?.modules ?? []
  return entries.find((m) => m.name === ref.name && m.namespace === ref.namespace)
}

function existingRecord(deps: Dependencies, node: NodeFacts): RecordRef | undefined {
  const metadata = deps.cache.nodeModulesConfig(node.name)?.metadata
  return metadata?.uid === undefined ? undefined : { name: metadata.name, uid: metadata.uid, seen: {} }
}

/** An earlier attempt wrote its result down and was lost before it removed its pod. */
async function removeLeftover(deps: Dependencies, ref: ModuleRef, work: NodeWork): Promise<void> {
  const name = workerPodName(work.uid, ref)
  const pod = deps.cache
    .pods(ref)
    .find((p) => p.name === name && p.labels[labels.configHash] === work.configHash)
  if (pod !== undefined && pod.labels[labels.workerAction] === work.action) await removePod(deps, pod)
}

/** `...ready` on the Node tells users and schedulers that the module is loaded (nodes:8). */
async function setReady(deps: Dependencies, ref: ModuleRef, node: NodeFacts, ready: boolean): Promise<void> {
  const label = readyLabel(ref)
  if ((node.labels[label] !== undefined) === ready) return
  await deps.kube.patch(
    nodes,
    { name: node.name },
    { metadata: { uid: node.uid, labels: { [label]: ready ? '' : null } } },
  )
}
