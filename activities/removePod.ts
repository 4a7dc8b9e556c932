import { Context } from '@temporalio/activity'
import type { PodRef } from './contract.ts'
import type { Dependencies } from './dependencies.ts'
import { heartbeating } from './heartbeat.ts'
import { pods } from './kube/resources.ts'

/**
 * Deletes a pod, this uid only, and waits until it is gone: the next one may have its name. `gracePeriodSeconds`:
 * in place of the pod's own; 0 does not wait for its kubelet.
 */
export async function removePod(deps: Dependencies, pod: PodRef, gracePeriodSeconds?: number): Promise<void> {
  const { cancellationSignal, heartbeat } = Context.current()
  await heartbeating(
    () => heartbeat({ pod: pod.name }),
    async () => {
      const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }
      await deps.kube.delete(pods, pod, { uid: pod.uid, ...grace })
      await deps.cache.waitForPod(pod, (facts) => facts?.uid !== pod.uid, cancellationSignal)
    },
  )
}
