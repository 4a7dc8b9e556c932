import { moduleKey, workerPodName } from '../../api/names.ts'
import { leftLoaded, recordEntries } from '../../api/nodeModulesConfig.ts'
import type { KernelSubject, NodeOutcome } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { removePod } from '../removePod.ts'
import { setReady, type Task } from './conclude.ts'
import { sayOnNode } from './nodeEvent.ts'
import { recordLeft, type RecordRef } from './record.ts'

/**
 * Gives up a module that cannot be unloaded any more: because a person forces the Module's end, or because its
 * namespace is gone and takes no worker pod. What stays in the kernel is written into the node's record and said on
 * the Node; nobody looks at it again before the node's next boot, which is without it.
 */
export async function leaveLoaded(
  deps: Dependencies,
  subject: KernelSubject,
  task: Task & { readonly record: RecordRef | undefined },
  why: string,
): Promise<NodeOutcome> {
  const { ref } = subject
  const { work, node, config, record } = task
  const { wish, fact } = recordEntries(deps.cache.nodeModulesConfig(node.name), ref)
  const known = fact ?? wish
  const pod = deps.cache.pods(ref).find(({ name }) => name === workerPodName(node.uid, ref))
  // No kubelet will confirm the end of a pod on a node that is away.
  if (pod !== undefined) await removePod(deps, pod, node.ready ? undefined : 0)
  if (record === undefined || known === undefined)
    return { kind: 'obsolete', message: 'the node has no record', seen: {} }
  const { configHash, bootId } = work
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
  const seen = await recordLeft(deps, ref, node, record, { ...known, config, bootId, failure })
  await setReady(deps, ref, node, false)
  await sayOnNode(deps, ref, node, {
    type: 'Warning',
    reason: 'ModuleLeftLoaded',
    message,
    key: `left-${configHash}-${bootId.slice(0, 8)}`,
  })
  return { kind: 'done', message, seen }
}
