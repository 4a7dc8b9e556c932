import { Context } from '@temporalio/activity'
import { storedModule } from '../../api/facts.ts'
import { apiVersion, type KernelRef } from '../../api/names.ts'
import type { Dependencies } from '../dependencies.ts'
import type { InvolvedObject } from './eventRecorder.ts'
import { kubernetesEvents } from './kubernetesEvents.ts'
import type { ModuleEvent } from './moduleEvent.ts'

/** Tells people what happened: in the log and the metrics of this process, and as Events where `kubectl` shows them. */
export async function tell(deps: Dependencies, about: KernelRef, event: ModuleEvent): Promise<void> {
  const { workflowId = '', runId = '' } = Context.current().info.workflowExecution ?? {}
  const { ref, kernel } = about
  const subject = { ref, kernel, workflowId, runId }
  deps.observe(subject, event)
  for (const text of kubernetesEvents(subject, event)) {
    const object = text.about === 'Module' ? moduleObject(deps, about) : nodeObject(text.about.node)
    if (object !== undefined) await deps.events.record(object, text)
  }
}

function moduleObject({ cache }: Dependencies, { ref }: KernelRef): InvolvedObject | undefined {
  const uid = storedModule(cache, ref)?.metadata.uid
  const { namespace, name } = ref
  return uid === undefined ? undefined : { apiVersion, kind: 'Module', namespace, name, uid }
}

/** As the kubelet does it: `kubectl describe node` looks for the name in place of the uid. */
function nodeObject(name: string): InvolvedObject {
  return { apiVersion: 'v1', kind: 'Node', name, uid: name }
}
