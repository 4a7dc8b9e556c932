import type { NodeFacts, PodFacts } from '../../api/facts.ts'
import type { ModuleRef } from '../../api/names.ts'
import { orderedCommand } from '../../api/workerPodCommand.ts'
import type { NodeOutcome } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { pods } from '../kube/resources.ts'
import { recordSuccess, verdictOf } from './conclude.ts'
import { removeWorkerPod, workerPodEnd } from './workerPodEnd.ts'

/**
 * Ends a worker pod that nobody wants any more. One that has not begun, as far as anybody knows, is deleted; one that
 * runs is left to its end. Either way its last state decides: what it did to the kernel, perhaps in the very moment
 * it was deleted, is written down before it goes. One that no record asked for is deleted, and nothing of it counts.
 */
export async function settlePod(
  deps: Dependencies,
  ref: ModuleRef,
  node: NodeFacts,
  pod: PodFacts,
  signal: AbortSignal,
): Promise<NodeOutcome> {
  const record = deps.cache.nodeModulesConfig(node.name)
  const command = orderedCommand({ ref, node, record }, pod)
  const idle = pod.state.kind === 'pending' || command === undefined
  if (idle) await deps.kube.delete(pods, pod, { uid: pod.uid })
  const end = await workerPodEnd(deps, node, pod, signal)
  if (end.kind === 'away') return { kind: 'obsolete', message: `node ${node.name} is away`, seen: {} }
  const verdict =
    end.kind === 'ended' && command !== undefined ? verdictOf(deps, end.pod, { node, command }) : undefined
  const result = verdict?.kind === 'success' ? verdict.result : undefined
  const seen =
    command === undefined || result === undefined
      ? {}
      : await recordSuccess(deps, { ref, node, command, podUid: pod.uid, stays: true }, result)
  await removeWorkerPod(deps, node, pod, signal)
  const message =
    result === undefined ? 'its pod is gone' : `it was wanted no more, and had done: ${result.action}`
  return { kind: 'done', message, seen }
}
