import type { NodeFacts } from '../../api/facts.ts'
import { moduleKey, type ModuleRef } from '../../api/names.ts'
import type { Dependencies } from '../dependencies.ts'
import { events } from '../kube/resources.ts'

/**
 * Says on the Node what happened to a module there (nodes:EVT-1): `ModuleLoaded` with the line of /proc/modules that
 * the loader saw, `ModuleUnloaded`, or `ModuleLeftLoaded`. The name depends on boot, config and reason, so a repeated activity says it
 * once. Events are for people: one that cannot be written stops nothing.
 */
export async function sayOnNode(
  deps: Dependencies,
  ref: ModuleRef,
  node: NodeFacts,
  event: {
    readonly type?: 'Warning'
    readonly reason: 'ModuleLoaded' | 'ModuleUnloaded' | 'ModuleLeftLoaded'
    readonly message: string
    readonly key: string
  },
): Promise<void> {
  const at = new Date().toISOString()
  const { type = 'Normal', reason, message, key } = event
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      // Events of cluster-scoped objects live in namespace default.
      namespace: 'default',
      name: `${node.name}.${ref.name}.${key}`.slice(0, 253),
      annotations: { module: moduleKey(ref) },
    },
    involvedObject: { apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.name },
    reason,
    message: message.slice(0, 1024),
    type,
    source: { component: 'kmm' },
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  }
  await deps.kube.create(events, body).catch(() => undefined)
}
