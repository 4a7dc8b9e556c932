import type { NodeFacts } from '../../api/facts.ts'
import { readyLabel, type ModuleRef } from '../../api/names.ts'
import type { Seen } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { nodes } from '../kube/resources.ts'

/** `...ready` on the Node tells users and schedulers that the module is loaded (nodes:8). */
export async function setReady(
  deps: Dependencies,
  ref: ModuleRef,
  node: NodeFacts,
  ready: boolean,
): Promise<Seen> {
  const label = readyLabel(ref)
  const known = deps.cache.nodes().find(({ uid }) => uid === node.uid) ?? node
  if ((known.labels[label] !== undefined) === ready) return {}
  const body = { metadata: { uid: node.uid, labels: { [label]: ready ? '' : null } } }
  const written = await deps.kube.patch(nodes, { name: node.name }, body)
  return written.kind === 'written' ? { Node: written.object.metadata.resourceVersion } : {}
}
