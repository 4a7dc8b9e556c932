import { canonicalJson } from '../../api/canonicalJson.ts'
import type { KernelView } from '../../api/kernelView.ts'
import type { KernelPhase, KernelStatus } from '../../api/module.ts'
import { isMakingImage } from '../../api/kernelPhase.ts'
import type { NodeWork } from '../../api/nodePlan.ts'
import { retries } from '../../api/nodesView.ts'
import { isPodRefusal } from '../../api/remedies.ts'
import { dropUndefined } from '../../api/dropUndefined.ts'
import { withCleanText } from '../../api/text/cleanText.ts'
import { interruptionsOf } from './attempts.ts'
import { buildFacts, imageStep, type BuildFacts } from './buildFacts.ts'
import { isOnEndedBuild, maxReruns } from './endedBuilds.ts'
import {
  answerFor,
  dueView,
  isSigning,
  knownDigest,
  knownImage,
  knownLabels,
  knownUnsigned,
  lastMadeView,
} from './known.ts'
import type { KernelMemory, KernelPlan } from './plan.ts'
import { troubles, troubleSentence } from './troubles.ts'

/** Who speaks: the run's own coordinates, so that status and UI point at each other. */
export interface RunIdentity {
  readonly namespace: string
  readonly name: string
  readonly kernel: string
  readonly workflowId: string
  readonly runId: string
  /** RFC 3339; becomes `since` when the phase changes. */
  readonly now: string
}

/**
 * This kernel's entry in `status.kernels[]`, or undefined when the kernel concerns the Module no more.
 * A waiting step keeps the reason that its activity wrote: progress inside a step belongs to the step.
 */
export function describeEntry(
  run: RunIdentity,
  view: KernelView,
  memory: KernelMemory,
  plan: KernelPlan,
): KernelStatus | undefined {
  const { wish, nodes, stored } = view
  const idle = nodes.work.length === 0 && nodes.failures.length === 0 && view.pods.length === 0
  if (view.module === 'gone') return undefined
  if (view.module === 'unreadable') return stored
  if (wish.kind === 'none' && wish.why !== 'NoMapping' && idle && nodes.counts.unreachable === 0)
    return undefined
  const phase = phaseOf(view, memory, plan)
  const build = buildFacts(run.name, view, memory, plan)
  const spoken = speak(view, memory, plan, phase, build)
  // As it will be stored: an entry that differs in what no status takes would be written again and again.
  return withCleanText(
    dropUndefined({
      kernel: run.kernel,
      phase,
      image: wish.kind === 'wanted' ? wish.image : stored?.image,
      ...imageFacts(view, memory),
      ...knownLabels(view, memory),
      imageGeneration: generationOf(view),
      unsigned: unsignedFact(view, memory),
      ...build,
      mayPush: mayPush(view, memory),
      rebuild: rebuildFact(view, memory),
      ...spoken,
      workflowId: run.workflowId,
      runId: run.runId,
      since: stored?.phase === phase ? (stored.since ?? run.now) : run.now,
      nodes: {
        targets: nodes.counts.targets,
        loaded: nodes.counts.loaded,
        failed: nodes.counts.failed,
        waiting: nodes.counts.waiting + nodes.counts.unreachable,
      },
    }),
  )
}

/** Shown by the last build of the image; kept in status for as long as the image is the same. */
function mayPush({ wish, stored }: KernelView, { push }: KernelMemory): KernelStatus['mayPush'] {
  if (wish.kind !== 'wanted') return undefined
  const shown = push?.image === wish.image ? push.shown : stored?.image === wish.image && stored.mayPush
  return shown === true ? true : undefined
}

/**
 * Taken up, until the image is there; and that it is, while the annotation that asked for it stands. While the Module
 * cannot be resolved for the kernel, it waits.
 */
function rebuildFact(view: KernelView, memory: KernelMemory): KernelStatus['rebuild'] {
  const { rebuildFrom: from, rebuildAsked, stored, wish } = view
  if (wish.kind === 'invalid') return stored?.rebuild?.done ? undefined : stored?.rebuild
  if (from === undefined) return rebuildAsked ? stored?.rebuild : undefined
  if (knownDigest(view, memory) === undefined) return { from }
  return rebuildAsked ? { from, done: true } : undefined
}

/** What was signed stays, as long as the registry has not lost it: another tag is signed from it without a build. */
function unsignedFact(view: KernelView, memory: KernelMemory): KernelStatus['unsigned'] {
  const { wish, stored } = view
  if (wish.kind === 'none' || (wish.kind === 'wanted' && !wish.signs)) return undefined
  const kept = stored?.unsigned
  const isLost = memory.answers?.some(({ kind, image }) => kind === 'absent' && image === kept?.image)
  return knownUnsigned(view, memory) ?? (isLost ? undefined : kept)
}

/** With the image: of the one that was wanted last while it cannot be told which is. */
function generationOf({ wish, stored }: KernelView): KernelStatus['imageGeneration'] {
  if (wish.kind === 'invalid') return stored?.imageGeneration
  return wish.kind === 'wanted' ? (wish.generation ?? undefined) : undefined
}

function imageFacts(view: KernelView, memory: KernelMemory): Pick<KernelStatus, 'digest' | 'architectures'> {
  const image = knownImage(view, memory)
  if (image === undefined) return {}
  const { digest, architectures } = image
  return { digest, ...(architectures.length === 0 ? {} : { architectures: [...architectures] }) }
}

function phaseOf(view: KernelView, memory: KernelMemory, plan: KernelPlan): KernelPhase {
  const { wish, nodes } = view
  if (wish.kind === 'invalid') return 'InputInvalid'
  if (wish.kind === 'none')
    return nodes.work.length > 0 || wish.why === 'ModuleDeleted' ? 'Unloading' : 'NoNodes'
  const step = imageStep(plan)
  if (step?.kind === 'check') return 'CheckingImage'
  const signs = isSigning(view, memory)
  if (step !== undefined) return signs ? 'Signing' : 'Building'
  if (plan.holds.some((held) => held.reason === 'ImageContested')) return 'InputInvalid'
  if (knownDigest(view, memory) === undefined) {
    if (view.stored?.phase === 'Cancelled' && plan.holds.length === 0) return 'Cancelled'
    const due = dueView(view, memory)
    if ([view, due].some((its) => answerFor(its, memory)?.kind === 'present')) return 'WaitingForImage'
    const build = due.wish.kind === 'wanted' ? due.wish.build.kind : 'none'
    if (build === 'ready' || plan.holds.some(isOnEndedBuild)) return signs ? 'SignFailed' : 'BuildFailed'
    return build === 'invalid' ? 'InputInvalid' : 'WaitingForImage'
  }
  // What is done on a node that has its module (its pod goes, its label comes) is no phase.
  const acting = [...(nodes.counts.waiting > 0 ? nodes.work : []), ...retried(view, plan)]
  if (acting.length > 0) return acting.some((w) => w.action === 'Load') ? 'Loading' : 'Unloading'
  if (nodes.counts.failed > 0) return 'LoadFailed'
  if (nodes.counts.targets === 0) return 'NoNodes'
  return nodes.counts.loaded === nodes.counts.targets ? 'Loaded' : 'Loading'
}

/** What a person has given another try on nodes where it failed. */
function retried({ nodes }: KernelView, plan: KernelPlan): NodeWork[] {
  const failed = new Set(nodes.failures.filter((failure) => !retries(failure)).map(({ uid }) => uid))
  return plan.steps.flatMap((step) => (step.kind === 'node' && failed.has(step.work.uid) ? [step.work] : []))
}

function speak(
  view: KernelView,
  memory: KernelMemory,
  plan: KernelPlan,
  phase: KernelPhase,
  build: BuildFacts,
): Pick<KernelStatus, 'reason' | 'message'> {
  const hold = plan.holds[0]
  if (hold !== undefined) return { reason: hold.reason, message: `${hold.message} ${hold.unblock}` }
  const awaited = imageStep(plan)
  if (awaited?.kind === 'await') return { reason: awaited.reason, message: awaited.message }
  const { stored, nodes } = view
  // Of nodes, a step itself says only that its pod is refused. It stands before what other nodes wait for: the step
  // would say it again.
  if (stored?.phase === phase && isPodRefusal(stored.reason) && nodes.work.some(needsPod))
    return { reason: stored.reason, message: stored.message ?? '' }
  const trouble = troubles(nodes)[0]
  if (trouble !== undefined) return { reason: trouble.reason, message: troubleSentence(trouble, nodes) }
  const step = imageStep(plan)
  if (step?.kind === 'pause') {
    const why = interruptionsOf(lastMadeView(view, memory), memory).at(-1)?.message ?? ''
    const message = `${why} It is made again after a pause, for the ${step.rerun}. time of ${maxReruns}.`
    return { reason: step.reason, message }
  }
  const waits = plan.steps.length > 0 && stored?.buildPod === build.buildPod
  if (waits && stored?.phase === phase && stored.reason !== undefined && stored.message !== undefined) {
    if (phase !== 'Loading' && phase !== 'Unloading')
      return { reason: stored.reason, message: stored.message }
  }
  if (phase === 'Cancelled')
    return { reason: 'Cancelled', message: stored?.message ?? 'The build was cancelled.' }
  if (phase === 'NoNodes' && view.wish.kind === 'none' && view.wish.why === 'NoMapping') {
    return { reason: 'NoMapping', message: 'No kernel mapping of the Module matches this kernel.' }
  }
  if (nodes.counts.unreachable > 0) {
    return { reason: 'NodesUnreachable', message: `${nodes.counts.unreachable} nodes are not Ready.` }
  }
  return {}
}

/** A refused pod is made as soon as it is taken: then nothing of a refusal is left. */
function needsPod({ action, podMade }: NodeWork): boolean {
  return (action === 'Load' || action === 'Unload') && podMade !== true
}

/** Why a step that is under way has to wait, as its activity has written it into status (`Unschedulable`). */
export function saidByStep(entry: KernelStatus | undefined): string | undefined {
  const { phase, reason } = entry ?? {}
  const bySteps = phase === 'CheckingImage' || isMakingImage(phase) || isPodRefusal(reason)
  return bySteps ? reason : undefined
}

/** `since`, `workflowId` and `runId` alone are no news. */
export function sameEntry(a: KernelStatus | undefined, b: KernelStatus | undefined): boolean {
  return canonicalJson(comparable(a)) === canonicalJson(comparable(b))
}

/** Between these a kernel goes to and fro as nodes come, load and fail. */
const phasesOfNodes: ReadonlySet<KernelPhase> = new Set(['Loading', 'Loaded', 'LoadFailed'])

/**
 * Do the two differ alone in how far nodes are, and in what is said of them? With many nodes they differ all the time:
 * nodes come, load, are away or tried again.
 */
export function sameButNodes(a: KernelStatus | undefined, b: KernelStatus | undefined): boolean {
  return a !== undefined && b !== undefined && sameEntry(withoutNodes(a), withoutNodes(b))
}

function withoutNodes({ phase, nodes: _nodes, reason: _reason, message: _message, ...rest }: KernelStatus) {
  return { ...rest, phase: phasesOfNodes.has(phase) ? ('Loaded' as const) : phase }
}

function comparable(entry: KernelStatus | undefined) {
  if (entry === undefined) return null
  const { since: _since, runId: _runId, workflowId: _workflowId, ...rest } = entry
  return rest
}
