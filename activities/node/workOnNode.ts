import { ApplicationFailure } from '@temporalio/common'
import { Context } from '@temporalio/activity'
import { dropUndefined } from '../../api/dropUndefined.ts'
import { isLeaving, storedModule, type NodeFacts } from '../../api/facts.ts'
import { forceReason } from '../../api/forceFinalize.ts'
import type { ModuleRef } from '../../api/names.ts'
import { loadedNow, type NodePlan, type NodeWork } from '../../api/nodePlan.ts'
import { recordEntries, type ModuleEntry } from '../../api/nodeModulesConfig.ts'
import { retries } from '../../api/nodesView.ts'
import { viewKernel } from '../../api/viewKernel.ts'
import type { WorkerPodCommand } from '../../api/workerPodCommand.ts'
import type { NodeOutcome, NodeRequest, PodRef } from '../contract.ts'
import { viewSettings, type Dependencies } from '../dependencies.ts'
import { heartbeating } from '../heartbeat.ts'
import type { PodRejection } from '../kube/errors.ts'
import { podRefusedReason } from '../podRefused.ts'
import { applyOnce, waitBecause } from '../status.ts'
import { recordFailure, recordSuccess, verdictOf } from './conclude.ts'
import { ensureWorkerPod } from './ensureWorkerPod.ts'
import { leaveLoaded } from './leaveLoaded.ts'
import { setReady } from './readyLabel.ts'
import { firmwareOrder } from './workerFirmware.ts'
import { forget, recordFact, recordRefOf, recordWish } from './record.ts'
import { settlePod } from './settlePod.ts'
import { regardless, removeWorkerPod, workerPodEnd, type WorkerPodEnd } from './workerPodEnd.ts'

/** One action on one node. `stays`: another config of the Module is to follow an unload. */
interface Task {
  readonly deps: Dependencies
  readonly request: NodeRequest
  readonly ref: ModuleRef
  readonly node: NodeFacts
  readonly stays: boolean
}

/**
 * Does one action of one Module on one node. May run twice: the plan is made anew, the pod's name is a lock, and what
 * came of a pod is written down before it goes. A cancelled action ends its pod when that has not begun, and else
 * waits for it.
 */
export async function workOnNode(deps: Dependencies, request: NodeRequest): Promise<NodeOutcome> {
  const { subject, work } = request
  const { ref } = subject
  const { facts } = viewKernel(deps.cache, ref, subject.kernel, viewSettings(deps))
  const found = facts.plans.get(work.node)
  if (found === undefined || !plansTo(found.plan, work)) {
    return obsolete('the node or what it shall have is another by now')
  }
  const { node, plan, target } = found
  const stays = target && facts.mapping !== undefined
  const { heartbeat } = Context.current()
  return await heartbeating(
    () => heartbeat({ node: node.name, action: work.action }),
    async () => await perform({ deps, request, ref, node, stays }, plan),
  )
}

/** Is the plan made now still about just this? */
function plansTo(plan: NodePlan, work: NodeWork): boolean {
  const planned = 'work' in plan ? plan.work : plan.kind === 'failed' ? plan.failure : undefined
  return (
    planned?.uid === work.uid &&
    planned.bootId === work.bootId &&
    planned.action === work.action &&
    planned.configHash === work.configHash
  )
}

async function perform(task: Task, plan: NodePlan): Promise<NodeOutcome> {
  const { deps, ref, node } = task
  switch (plan.kind) {
    case 'tidy':
      return plan.work.action === 'Forget' ? await forgetModule(task) : await relabel(task)
    case 'leave': {
      const why = forceReason(storedModule(deps.cache, ref)) ?? 'no longer wanted'
      return await leaveLoaded(deps, { ref, node, entry: plan.entry }, `its end was forced (${why})`)
    }
    case 'settle':
      return await regardless(async (signal) => await settlePod(deps, ref, node, plan.pod, signal))
    case 'follow':
      return await follow(task, plan.pod, plan.command)
    case 'failed':
      return await begin(task, plan.failure, plan.entry)
    case 'work':
      return await begin(task, plan.work, plan.entry)
    default:
      return obsolete('nothing is to be done')
  }
}

/** The label goes first: without a record nobody would look at it again. */
async function forgetModule({ deps, ref, node }: Task): Promise<NodeOutcome> {
  const labelled = await setReady(deps, ref, node, false)
  const record = recordRefOf(deps, node)
  const seen = record === undefined ? {} : await forget(deps, ref, node, record)
  return { kind: 'done', message: 'forgotten', seen: { ...labelled, ...seen } }
}

/** Makes `...ready` tell the truth, and takes back a failure that matters no more. */
async function relabel({ deps, ref, node }: Task): Promise<NodeOutcome> {
  const known = deps.cache.nodeModulesConfig(node.name)
  const { fact } = recordEntries(known, ref)
  const loaded = loadedNow({ record: known, ref, node }) !== undefined
  const labelled = await setReady(deps, ref, node, loaded)
  const record = recordRefOf(deps, node)
  if (!loaded || fact?.failure === undefined || record === undefined) {
    return { kind: 'done', message: loaded ? 'ready' : 'not ready', seen: labelled }
  }
  const { failure: _failure, ...rest } = fact
  const seen = await recordFact(deps, ref, record, rest)
  return { kind: 'done', message: 'ready', seen: { ...labelled, ...seen } }
}

/** Makes the worker pod, and follows it. `...ready` goes before anything else (nodes:BOOT-6, nodes:LBL-3 Betters). */
async function begin(task: Task, work: NodeWork, entry: ModuleEntry): Promise<NodeOutcome> {
  const { deps, ref, node } = task
  const { configHash, bootId } = work
  const action = work.action === 'Load' ? 'Load' : 'Unload'
  const labelled = await setReady(deps, ref, node, false)
  const record = action === 'Load' ? await recordWish(deps, ref, node, entry) : recordRefOf(deps, node)
  if (record === undefined) return obsolete('the node has no record')
  const { fact } = recordEntries(deps.cache.nodeModulesConfig(node.name), ref)
  const { firmwareHostPath } = fact ?? {}
  const input = { ref, node, action, entry, firmwareHostPath, configHash, record } as const
  const pod = await ensureWorkerPod(deps, input, async (rejection) => await refused(task, rejection)).catch(
    (error: unknown) => {
      if (error instanceof NamespaceGone) return error
      throw error
    },
  )
  if (pod === undefined) return obsolete('another worker pod is in its place')
  if (pod instanceof NamespaceGone) return await withoutPod(task, action, entry)
  const command = { action, bootId, config: entry.config, configHash } as const
  const { worker } = deps.config
  const firmware = firmwareOrder({ ref, action, entry, worker, firmwareHostPath })?.install
  const outcome = await follow(task, pod, command, { entry, ...dropUndefined({ firmware }) })
  return { ...outcome, seen: { ...labelled, ...outcome.seen } }
}

/** How soon a pod that the cluster refused is tried again, in milliseconds. */
const refusedPaceMs = 15_000

/** No worker pod can be made in a namespace that is being deleted. */
class NamespaceGone extends Error {}

async function withoutPod(task: Task, action: 'Load' | 'Unload', entry: ModuleEntry): Promise<NodeOutcome> {
  const { deps, ref, node } = task
  const why = 'its namespace is gone, or being deleted, and takes no worker pod'
  const leaves = isLeaving(storedModule(deps.cache, ref))
  return action === 'Unload' && leaves ? await leaveLoaded(deps, { ref, node, entry }, why) : obsolete(why)
}

/**
 * Says why in status, unless another node has said so: of many nodes that are refused, one stands for all. What is held
 * stands before it there, and would be said again by the run.
 */
async function refused({ deps, request, node }: Task, rejection: PodRejection): Promise<never> {
  if (rejection.reason === 'NamespaceGone') throw new NamespaceGone()
  const { subject, entry } = request
  const reason = podRefusedReason(rejection.reason)
  const { view } = viewKernel(deps.cache, subject.ref, subject.kernel, viewSettings(deps))
  const phase = view.stored?.phase
  const held = view.nodes.failures.some((failure) => !retries(failure))
  const said = view.stored?.reason === reason || held || (phase !== 'Loading' && phase !== 'Unloading')
  const message = `worker pod on node ${node.name}: ${rejection.message}`
  if (!said && entry !== undefined) await applyOnce(deps, subject, { ...entry, reason, message })
  return await waitBecause(deps, subject, undefined, { reason, message, delayMs: refusedPaceMs })
}

/** Follows a worker pod to its end, writes down what came of it, and removes it. */
async function follow(
  task: Task,
  pod: PodRef,
  command: WorkerPodCommand,
  made: { readonly entry?: ModuleEntry; readonly firmware?: string } = {},
): Promise<NodeOutcome> {
  const { deps, ref, node, stays, request } = task
  const end = await endOrUnwanted(task, pod)
  return await regardless(async (signal) => {
    if (end === 'unwanted') {
      const facts = deps.cache.pods(ref).find(({ uid }) => uid === pod.uid)
      return facts === undefined ? gone : await settlePod(deps, ref, node, facts, signal)
    }
    if (end.kind === 'away') return obsolete(`node ${node.name} is away`)
    const verdict = end.kind === 'ended' ? verdictOf(deps, end.pod, { node, command }) : undefined
    const { retries } = request
    const deed = dropUndefined({ ref, node, command, podUid: pod.uid, stays, retries, ...made })
    const deleted = end.kind === 'gone' || (end.pod.deleting && verdict?.kind === 'failure')
    if (verdict === undefined || deleted) {
      await removeWorkerPod(deps, node, pod, signal)
      // Whoever deleted it may do so again: each time a little later.
      throw ApplicationFailure.retryable(
        'Somebody deleted the worker pod; it is made again.',
        'WorkerPodGone',
      )
    }
    const outcome = await conclude(deps, deed, verdict)
    await removeWorkerPod(deps, node, pod, signal)
    return outcome
  })
}

async function conclude(
  deps: Dependencies,
  deed: Parameters<typeof recordSuccess>[1],
  verdict: ReturnType<typeof verdictOf>,
): Promise<NodeOutcome> {
  switch (verdict.kind) {
    case 'obsolete':
      return obsolete(verdict.message)
    case 'failure':
      return { kind: 'failed', message: verdict.message, seen: await recordFailure(deps, deed, verdict) }
    case 'success': {
      const { result } = verdict
      const ended = result.lsmod ?? `${result.command.join(' ')} ended with ${result.exitStatus}`
      const message = result.message === undefined ? ended : `${ended}; ${result.message}`
      return { kind: 'done', message, seen: await recordSuccess(deps, deed, result) }
    }
  }
}

async function endOrUnwanted({ deps, node }: Task, pod: PodRef): Promise<WorkerPodEnd | 'unwanted'> {
  const { cancellationSignal } = Context.current()
  try {
    return await workerPodEnd(deps, node, pod, cancellationSignal)
  } catch (error) {
    if (Context.current().cancellationDetails?.cancelRequested === true) return 'unwanted'
    throw error
  }
}

const gone: NodeOutcome = { kind: 'done', message: 'its pod is gone', seen: {} }

function obsolete(message: string): NodeOutcome {
  return { kind: 'obsolete', message, seen: {} }
}
