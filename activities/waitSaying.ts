import type { PodFacts } from '../api/facts.ts'
import type { KernelStatus } from '../api/module.ts'
import type { KernelSubject, PodRef } from './contract.ts'
import type { Dependencies } from './dependencies.ts'
import { applyKernelStatus } from './status.ts'

/** Why a pod has not started: what a user looks for first. */
export interface Why {
  readonly reason: string
  readonly message: string
}

/** Reason of a pod that is on its node and does not start, without a word in its status. */
const stuckReason = 'ContainerCreating'

/**
 * Waits for a pod, and says meanwhile why it does not start (`ErrImagePull`, `Unschedulable` ...), each reason once;
 * undefined when the reason is gone. With `patienceMs` also a pod that has no reason for so long is said to be stuck:
 * of volumes and networks that fail the kubelet tells in events only.
 */
export async function waitSaying(
  deps: Dependencies,
  pod: PodRef,
  done: (facts: PodFacts | undefined) => boolean,
  say: (why: Why | undefined) => Promise<void>,
  signal: AbortSignal,
  patienceMs?: number,
): Promise<PodFacts | undefined> {
  let said: string | undefined
  let stuck = false
  for (;;) {
    const isNews = (p: PodFacts | undefined) => done(p) || whyOf(p, stuck)?.reason !== said
    const listens = patienceMs !== undefined && said === undefined && !stuck
    const patience = listens ? AbortSignal.timeout(patienceMs) : undefined
    const until = patience === undefined ? signal : AbortSignal.any([signal, patience])
    let facts: PodFacts | undefined
    try {
      facts = await deps.cache.waitForPod(pod, isNews, until)
    } catch (error) {
      if (signal.aborted || patience?.aborted !== true) throw error
      stuck = true
      continue
    }
    if (done(facts)) return facts
    const why = whyOf(facts, stuck)
    said = why?.reason
    stuck = said === stuckReason
    await say(why === undefined ? undefined : { ...why, message: `pod ${pod.name}: ${why.message}` })
  }
}

function whyOf(pod: PodFacts | undefined, stuck: boolean): Why | undefined {
  if (pod?.state.kind !== 'pending') return undefined
  const { reason, message = '' } = pod.state
  if (reason === undefined) {
    if (!stuck || pod.nodeName === undefined || pod.state.begun) return undefined
    return { reason: stuckReason, message: `node ${pod.nodeName} has not started it yet.` }
  }
  // Both mean one thing to a user, and the kubelet goes from one to the other and back.
  const sameReason = reason === 'ErrImagePull' ? 'ImagePullBackOff' : reason
  return { reason: sameReason, message: message.slice(0, 1024) }
}

/** Puts a reason into the kernel's entry in status, or takes it away. */
export async function sayWhy(
  deps: Dependencies,
  subject: KernelSubject,
  entry: KernelStatus | undefined,
  why: Why | undefined,
): Promise<void> {
  if (entry === undefined) return
  const { reason: _reason, message: _message, ...rest } = entry
  await applyKernelStatus(deps, subject, why === undefined ? rest : { ...rest, ...why })
}
