import { Context } from '@temporalio/activity'
import { labels, workerPodName } from '../../api/names.ts'
import type { PodRef } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { classifyPodRejection, type PodRejection } from '../kube/errors.ts'
import { pods } from '../kube/resources.ts'
import type { PodBody } from '../podBody.ts'
import { removePod } from '../removePod.ts'
import type { RecordRef } from './record.ts'
import { workerPod, type WorkerPodInput } from './workerPod.ts'

/**
 * Finds or makes the worker pod of an action. A pod of another action or config on the same node and Module is
 * stopped and seen gone first; the shared name makes the API server refuse a second one meanwhile.
 */
export async function ensureWorkerPod(
  deps: Dependencies,
  input: Omit<WorkerPodInput, 'owner' | 'worker' | 'workerImage'> & { readonly record: RecordRef },
  refused: (rejection: PodRejection) => Promise<never>,
): Promise<PodRef> {
  const { record, ref, node, action, configHash } = input
  const { namespace } = ref
  const name = workerPodName(node.uid, ref)
  const owner = { name: record.name, uid: record.uid }
  let body = workerPod({ ...input, owner, worker: deps.config.worker, workerImage: deps.workerImage })
  for (;;) {
    Context.current().cancellationSignal.throwIfAborted()
    try {
      const made = await deps.kube.create(pods, body)
      const { uid, labels: found = {}, deletionTimestamp } = made.object.metadata
      const pod = { namespace, name, uid }
      const same = found[labels.workerAction] === action && found[labels.configHash] === configHash
      if (made.kind === 'created' || (same && deletionTimestamp === undefined)) return await cached(deps, pod)
      await removePod(deps, pod)
    } catch (error) {
      const rejection = classifyPodRejection(error, namespace)
      if (rejection === undefined) throw error
      if (rejection.reason !== 'Quota' || body.spec.priorityClassName === undefined)
        return await refused(rejection)
      body = withoutPriority(body)
    }
  }
}

/** Some quotas forbid the class outside of kube-system; a pod of no class still loads, when the kubelet has room. */
function withoutPriority(body: PodBody): PodBody {
  const { priorityClassName: _, ...spec } = body.spec
  return { ...body, spec }
}

/** The cache must know the pod before its absence can mean that it is gone. */
async function cached(deps: Dependencies, pod: PodRef): Promise<PodRef> {
  await deps.cache.waitForPod(pod, (facts) => facts?.uid === pod.uid, Context.current().cancellationSignal)
  return pod
}
