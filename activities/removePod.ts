import { Context } from '@temporalio/activity'
import type { PodRef } from './contract.ts'
import type { Dependencies } from './dependencies.ts'
import { heartbeating } from './heartbeat.ts'
import { pods } from './kube/resources.ts'

/** Deletes a pod, this uid only, and waits until it is gone: the next one may have its name. */
export async function removePod(deps: Dependencies, pod: PodRef): Promise<void> {
  const { cancellationSignal, heartbeat } = Context.current()
  await heartbeating(
    () => heartbeat({ pod: pod.name }),
    async () => {
      await deps.kube.delete(pods, pod, { uid: pod.uid })
      await deps.cache.waitForPod(pod, (facts) => facts?.uid !== pod.uid, cancellationSignal)
    },
  )
}
