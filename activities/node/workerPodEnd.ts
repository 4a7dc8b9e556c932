import { Context } from '@temporalio/activity'
import type { NodeFacts, PodFacts, PodState } from '../../api/facts.ts'
import type { PodRef } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { pods } from '../kube/resources.ts'

/** A pod that has succeeded or failed. */
export type EndedPod = PodFacts & { readonly state: Extract<PodState, { kind: 'succeeded' | 'failed' }> }

/** How the wait for a worker pod ended. `away`: nobody ends it now, for its node is not Ready, gone or rebooted. */
export type WorkerPodEnd =
  | { readonly kind: 'ended'; readonly pod: EndedPod }
  | { readonly kind: 'gone' }
  | { readonly kind: 'away' }

/** How often a wait looks at the node, in milliseconds: pods tell of themselves, nodes do not wake it. */
const lookAtNodeMs = 5_000

/** Waits until a worker pod has ended. Throws the reason of `signal`. */
export async function workerPodEnd(
  deps: Dependencies,
  node: NodeFacts,
  pod: PodRef,
  signal: AbortSignal,
): Promise<WorkerPodEnd> {
  const facts = await waitWhileThere(
    deps,
    node,
    pod,
    (found) => found?.uid !== pod.uid || hasEnded(found),
    signal,
  )
  if (facts === 'away') return { kind: 'away' }
  return facts?.uid === pod.uid && hasEnded(facts) ? { kind: 'ended', pod: facts } : { kind: 'gone' }
}

/** Deletes a worker pod, this uid only, and waits until it is gone or its node cannot confirm it. */
export async function removeWorkerPod(
  deps: Dependencies,
  node: NodeFacts,
  pod: PodRef,
  signal: AbortSignal,
): Promise<void> {
  await deps.kube.delete(pods, pod, { uid: pod.uid })
  await waitWhileThere(deps, node, pod, (found) => found?.uid !== pod.uid, signal)
}

/** Has a pod succeeded or failed? */
function hasEnded(pod: PodFacts): pod is EndedPod {
  return pod.state.kind === 'succeeded' || pod.state.kind === 'failed'
}

async function waitWhileThere(
  deps: Dependencies,
  node: NodeFacts,
  pod: PodRef,
  done: (pod: PodFacts | undefined) => boolean,
  signal: AbortSignal,
): Promise<PodFacts | undefined | 'away'> {
  for (;;) {
    const look = AbortSignal.timeout(lookAtNodeMs)
    try {
      return await deps.cache.waitForPod(pod, done, AbortSignal.any([signal, look]))
    } catch (error) {
      signal.throwIfAborted()
      if (!look.aborted) throw error
    }
    const there = deps.cache.nodes().find(({ uid }) => uid === node.uid)
    if (there?.ready !== true || there.bootId !== node.bootId) return 'away'
  }
}

/**
 * Runs what must come to its end even when nobody wants the activity any more: the signal it gets tells only of an
 * operator that stops or of a run that is gone.
 */
export async function regardless<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current()
  const signal = context.cancellationSignal
  const over = new AbortController()
  const pass = () => {
    if (context.cancellationDetails?.cancelRequested !== true) over.abort(signal.reason)
  }
  if (signal.aborted) pass()
  signal.addEventListener('abort', pass)
  try {
    return await work(over.signal)
  } finally {
    signal.removeEventListener('abort', pass)
  }
}
