import type { KernelView } from '../../api/kernelView.ts'
import type { NodeFailure, NodeWork } from '../../api/nodePlan.ts'
import { retries } from '../../api/nodesView.ts'
import { isOf } from './attempts.ts'
import { planImage } from './imageRules.ts'
import { dueView, knownDigest } from './known.ts'
import { hold, type Hold, type KernelMemory, type KernelPlan, type Step } from './plan.ts'

/** What the run should do now: pure, so that every rule stands in a table test. */
export function decideKernel(view: KernelView, memory: KernelMemory): KernelPlan {
  const image = planImage(view, memory)
  const cleanUp = collectFinished(view, memory)
  const nodes = workOnNodes(view, memory)
  const steps = [...(image.steps ?? []), ...cleanUp, ...(nodes.steps ?? [])]
  return {
    steps: steps.filter((step) => memory.refused[step.key] === undefined),
    holds: [...(image.holds ?? []), ...(nodes.holds ?? []), ...refusedSteps(steps, memory)],
    ...(image.cancelled === undefined ? {} : { cancelled: image.cancelled }),
  }
}

/** A step that the cluster refused for good waits for a person, whatever it was. */
function refusedSteps(steps: readonly Step[], memory: KernelMemory): Hold[] {
  return steps.flatMap((step) => {
    const refusal = memory.refused[step.key]
    if (refusal === undefined) return []
    const unblock = 'Mend the cause, then send the signal `retryBuild` to this run.'
    return [
      { ...hold(`refused:${step.key}`, refusal.reason, refusal.message, unblock), releases: [step.key] },
    ]
  })
}

/** Succeeded pods are not needed once their image is verified, or once they are of no use. */
function collectFinished(view: KernelView, memory: KernelMemory): Step[] {
  if (view.module !== 'alive') return []
  const due = dueView(view, memory)
  return view.pods
    .filter(
      (pod) => pod.state === 'succeeded' && (!isOf(pod, due) || knownDigest(view, memory) !== undefined),
    )
    .map((pod) => {
      const at = pod.collectAt ?? ''
      return { kind: 'collect', key: `collect:${pod.uid}:${at}`, pod, at }
    })
}

function workOnNodes(view: KernelView, memory: KernelMemory): Partial<KernelPlan> {
  if (view.module === 'unguarded' || view.module === 'unreadable') return {}
  const released = view.nodes.failures.filter((f) => isReleased(f, memory))
  const held = view.nodes.failures.filter((f) => !retries(f) && !released.includes(f))
  const steps = [...view.nodes.work, ...released].map((work) => nodeStep(work))
  const first = held[0]
  if (first === undefined) return { steps }
  const more = view.nodes.counts.failed - released.length - 1
  const others = more > 0 ? ` (and ${more} more nodes)` : ''
  const message = `${first.action} on node ${first.node} failed: ${first.message}${others}`
  const unblock =
    'Mend the cause and send the signal `retryBuild`; a changed Module or a reboot tries again too.'
  // Of very many nodes only the newest failures are listed: all that are older are released with them.
  const releases = view.nodes.truncated ? [failuresUntil(held)] : held.map(failureKey)
  return { steps, holds: [{ ...hold('nodes', first.reason, message, unblock), releases }] }
}

/** Key of the hold on a failed node; a later failure of the same node is another hold. */
export function failureKey({ uid, configHash, at }: NodeFailure): string {
  return `node:${uid}:${configHash}:${at}`
}

const untilKey = 'nodes until '

/** Key of all failures up to the newest of these. */
function failuresUntil(held: readonly NodeFailure[]): string {
  const times = held.map(({ at }) => at).toSorted()
  return `${untilKey}${times.at(-1)}`
}

function isReleased(failure: NodeFailure, { released }: KernelMemory): boolean {
  const until = (key: string) => key.startsWith(untilKey) && failure.at <= key.slice(untilKey.length)
  return released.includes(failureKey(failure)) || released.some(until)
}

function nodeStep({ node, uid, bootId, action, configHash, notBefore, trouble }: NodeWork): Step {
  const work: NodeWork = {
    node,
    uid,
    bootId,
    action,
    configHash,
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(trouble === undefined ? {} : { trouble }),
  }
  return { kind: 'node', key: `node:${uid}:${action}:${bootId}:${configHash}`, work }
}
