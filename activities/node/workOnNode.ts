import { Context } from '@temporalio/activity'
import type { NodeFacts, PodFacts } from '../../api/facts.ts'
import type { ModuleRef } from '../../api/names.ts'
import type { NodePlan, NodeWork } from '../../api/nodePlan.ts'
import type { ModuleConfig, ModuleEntry, ModuleStatusEntry } from '../../api/nodeModulesConfig.ts'
import { storedModule } from '../../api/facts.ts'
import { forceReason } from '../../api/forceFinalize.ts'
import { viewKernel } from '../../api/viewKernel.ts'
import type { KernelSubject, NodeOutcome, NodeRequest } from '../contract.ts'
import { viewSettings, type Dependencies } from '../dependencies.ts'
import { heartbeating } from '../heartbeat.ts'
import type { PodRejection } from '../kube/errors.ts'
import { removePod } from '../removePod.ts'
import { waitBecause } from '../status.ts'
import { sayWhy, waitSaying, type Why } from '../waitSaying.ts'
import { podRefusedReason } from '../podRefused.ts'
import { conclude, setReady, type Task } from './conclude.ts'
import { leaveLoaded } from './leaveLoaded.ts'
import { forget, recordWish, type RecordRef } from './record.ts'
import { ensureWorkerPod } from './ensureWorkerPod.ts'
import { hasEnded, settlePod } from './settlePod.ts'

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
    const seen = found === undefined ? undefined : await settling(deps, ref, found.node)
    const message = 'the node or what it shall have is another by now'
    return { kind: 'obsolete', message, seen: seen ?? {} }
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

/** No worker pod can be made in a namespace that is being deleted. */
class NamespaceGone extends Error {}
const namespaceGone = 'its namespace is gone, or being deleted, and takes no worker pod'

function workerPodRefused(node: NodeFacts, { reason, message }: PodRejection) {
  return { reason: podRefusedReason(reason), message: `worker pod on node ${node.name}: ${message}` }
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
  const left = { ...task, record: existingRecord(deps, node) }
  if (work.action === 'Leave') {
    const why = forceReason(storedModule(deps.cache, ref)) ?? 'no longer wanted'
    return await leaveLoaded(deps, subject, left, `its end was forced (${why})`)
  }
  const settled = await settlePod(deps, ref, node, work)
  if (settled !== undefined) {
    return { kind: 'obsolete', message: 'the module was loaded meanwhile', seen: settled }
  }
  if (work.action === 'Forget') {
    const record = existingRecord(deps, node)
    const seen = record === undefined ? {} : await forget(deps, ref, node, record)
    await setReady(deps, ref, node, false)
    return { kind: 'done', message: 'forgotten', seen }
  }
  const entry = entryFor(task, ref, status)
  const record =
    work.action === 'Load' ? await recordWish(deps, ref, node, entry) : existingRecord(deps, node)
  if (record === undefined) return { kind: 'obsolete', message: 'the node has no record', seen: {} }
  say('worker pod')
  const refused = (rejection: PodRejection) => {
    if (rejection.reason === 'NamespaceGone') throw new NamespaceGone()
    return waitBecause(deps, subject, task.said, {
      ...workerPodRefused(node, rejection),
      delayMs: refusedPaceMs,
    })
  }
  const { action, configHash } = work
  const { firmwareHostPath } = status ?? {}
  const input = { ref, node, action, entry, firmwareHostPath, configHash, record }
  const pod = await ensureWorkerPod(deps, input, refused).catch((error: unknown) => {
    if (error instanceof NamespaceGone) return undefined
    throw error
  })
  if (pod === undefined) {
    const leaving = storedModule(deps.cache, ref)?.metadata.deletionTimestamp !== undefined
    const gone = storedModule(deps.cache, ref) === undefined
    if (action === 'Unload' && (leaving || gone)) return await leaveLoaded(deps, subject, left, namespaceGone)
    return { kind: 'obsolete', message: namespaceGone, seen: {} }
  }
  const done = (facts: PodFacts | undefined) => facts?.uid !== pod.uid || hasEnded(facts)
  const why = (reason: Why | undefined) =>
    sayWhy(deps, subject, task.said, reason && { ...reason, message: `node ${node.name}: ${reason.message}` })
  const ended = await waitSaying(deps, pod, done, why, Context.current().cancellationSignal)
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

/** An earlier attempt may have been lost before it wrote its result down or removed its pod. */
async function settling(deps: Dependencies, ref: ModuleRef, node: NodeFacts) {
  const { heartbeat } = Context.current()
  const beat = () => heartbeat({ node: node.name, phase: 'looking at the pod of an earlier attempt' })
  return await heartbeating(beat, async () => await settlePod(deps, ref, node, 'over'))
}
