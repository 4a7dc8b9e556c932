import type { NodeFacts } from '../../api/facts.ts'
import { moduleKey, workerPodName, type ModuleRef } from '../../api/names.ts'
import { leftLoaded, moduleConfigHash, type ModuleEntry } from '../../api/nodeModulesConfig.ts'
import type { NodeOutcome } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { tell } from '../events/tell.ts'
import { removePod } from '../removePod.ts'
import { setReady } from './readyLabel.ts'
import { recordLeft, recordRefOf } from './record.ts'

/**
 * Gives up a module that cannot be unloaded any more: because a person forces the Module's end, or because its
 * namespace is gone and takes no worker pod. What stays in the kernel is written into the node's record and said on
 * the Node; nobody looks at it again before the node's next boot, which is without it.
 */
export async function leaveLoaded(
  deps: Dependencies,
  left: { readonly ref: ModuleRef; readonly node: NodeFacts; readonly entry: ModuleEntry },
  why: string,
): Promise<NodeOutcome> {
  const { ref, node, entry } = left
  const { bootId } = node
  const pod = deps.cache.pods(ref).find(({ name }) => name === workerPodName(node.uid, ref))
  // No kubelet will confirm the end of a pod on a node that is away.
  if (pod !== undefined) await removePod(deps, pod, node.ready ? undefined : 0)
  const record = recordRefOf(deps, node)
  if (record === undefined) return { kind: 'obsolete', message: 'the node has no record', seen: {} }
  const configHash = moduleConfigHash(entry.config)
  const message = `Module ${moduleKey(ref)} may still be in the kernel of node ${node.name} until its next boot: ${why}.`
  const at = new Date().toISOString()
  const failure = {
    action: 'Unload' as const,
    configHash,
    bootId,
    reason: leftLoaded,
    message,
    at,
    attempts: 1,
  }
  const seen = await recordLeft(deps, ref, node, record, { ...entry, bootId, failure })
  const labelled = await setReady(deps, ref, node, false)
  const about = { ref, kernel: node.kernel }
  await tell(deps, about, { kind: 'LeftLoaded', node: node.name, bootId, configHash, message })
  return { kind: 'done', message, seen: { ...labelled, ...seen } }
}
