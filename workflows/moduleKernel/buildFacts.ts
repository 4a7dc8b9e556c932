import type { BuildTraces } from '../../activities/contract.ts'
import type { KernelView } from '../../api/kernelView.ts'
import type { KernelStatus } from '../../api/module.ts'
import { buildPodName, signPodName } from '../../api/names.ts'
import { dropUndefined } from '../../api/dropUndefined.ts'
import { interruptionsOf } from './attempts.ts'
import { interruptedPod, maxReruns } from './endedBuilds.ts'
import { dueView, knownDigest, lastMadeView } from './known.ts'
import type { KernelMemory, KernelPlan, Step } from './plan.ts'

/** What status knows of the last build. */
export type BuildFacts = Pick<
  KernelStatus,
  'inputHash' | 'attempt' | 'buildPod' | 'buildNode' | 'buildSecrets' | 'errorLines' | 'interruptions'
>

/** The step of the image track, of which there is at most one kind at a time. */
export function imageStep(plan: KernelPlan): Step | undefined {
  return plan.steps.find(({ kind }) => kind !== 'collect' && kind !== 'node')
}

/**
 * The build's place in status: written before its pod is made, kept while nothing newer is known. What is known of
 * an ended build is written here before its pod goes.
 */
export function buildFacts(
  module: string,
  view: KernelView,
  memory: KernelMemory,
  plan: KernelPlan,
): BuildFacts {
  if (knownDigest(view, memory) !== undefined) {
    const { inputHash, attempt, buildPod } = storedBuild(view)
    return dropUndefined({ inputHash, attempt, buildPod })
  }
  const due = dueView(view, memory)
  return dropUndefined({
    ...lastBuild(module, due, memory, imageStep(plan)),
    interruptions: countedInterruptions(lastMadeView(view, memory), memory, plan),
  })
}

function lastBuild(
  module: string,
  view: KernelView,
  memory: KernelMemory,
  step: Step | undefined,
): Omit<BuildFacts, 'interruptions'> {
  if (step?.kind === 'build') {
    const { inputHash, attempt, unsigned } = step
    const nameOf = unsigned === undefined ? buildPodName : signPodName
    return { inputHash, attempt, buildPod: nameOf(module, inputHash, attempt) }
  }
  if (step?.kind === 'follow') {
    const { inputHash, attempt, name } = step.pod
    return { inputHash, attempt, buildPod: name }
  }
  const { failure, interruption } = memory
  if (interruption !== undefined) {
    const { inputHash, attempt } = interruption
    const buildPod = interruptedPod(view, attempt)?.name
    return { inputHash, attempt, buildPod, ...storedTraces(interruption) }
  }
  if (failure !== undefined) {
    const { inputHash, attempt, pod, errorLines } = failure
    return { inputHash, attempt, buildPod: pod, errorLines, ...storedTraces(failure) }
  }
  return storedBuild(view)
}

function storedTraces({ node, secrets }: BuildTraces): Pick<BuildFacts, 'buildNode' | 'buildSecrets'> {
  return { buildNode: node && { ...node }, buildSecrets: secrets && { ...secrets } }
}

/** What was built under another reference says nothing of this one. */
function storedBuild({ wish, stored }: KernelView): Omit<BuildFacts, 'interruptions'> {
  if (stored === undefined || (wish.kind === 'wanted' && stored.image !== wish.image)) return {}
  const { inputHash, attempt, buildPod, errorLines, buildNode, buildSecrets } = stored
  return { inputHash, attempt, buildPod, errorLines, buildNode, buildSecrets }
}

/**
 * Counted while they are of the wanted inputs and lead to the next build or to the hold; a build of its own failure,
 * and one that a person asks for after the hold, begin to count anew.
 */
function countedInterruptions(
  view: KernelView,
  memory: KernelMemory,
  plan: KernelPlan,
): BuildFacts['interruptions'] {
  const all = interruptionsOf(view, memory)
  const held = plan.holds.some(({ key }) => key.startsWith('interrupted:'))
  const goesOn = imageStep(plan) !== undefined && all.length <= maxReruns
  return all.length > 0 && (held || goesOn) ? [...all] : undefined
}
