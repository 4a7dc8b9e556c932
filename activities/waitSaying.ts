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

/**
 * Waits for a pod, and says meanwhile why it does not start (`ErrImagePull`, `Unschedulable` ...), each reason once;
 * undefined when the reason is gone.
 */
export async function waitSaying(
  deps: Dependencies,
  pod: PodRef,
  done: (facts: PodFacts | undefined) => boolean,
  say: (why: Why | undefined) => Promise<void>,
  signal: AbortSignal,
): Promise<PodFacts | undefined> {
  let said: string | undefined
  for (;;) {
    const facts = await deps.cache.waitForPod(pod, (p) => done(p) || whyOf(p)?.reason !== said, signal)
    if (done(facts)) return facts
    const why = whyOf(facts)
    said = why?.reason
    await say(why === undefined ? undefined : { ...why, message: `pod ${pod.name}: ${why.message}` })
  }
}

function whyOf(pod: PodFacts | undefined): Why | undefined {
  if (pod?.state.kind !== 'pending' || pod.state.reason === undefined) return undefined
  // Both mean one thing to a user, and the kubelet goes from one to the other and back.
  const reason = pod.state.reason === 'ErrImagePull' ? 'ImagePullBackOff' : pod.state.reason
  return { reason, message: (pod.state.message ?? '').slice(0, 1024) }
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
