import { createInformer } from '../../activities/kube/informer.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import { nodes, type Node } from '../../activities/kube/resources.ts'
import { readyLabel, type ModuleRef } from '../../api/names.ts'

/** What a Node has shown since the history began, each state once. */
export interface NodeHistory {
  /** Boot, readiness, and whether the Module's ready label was there; "boot-1 Ready labelled" and the like. */
  readonly states: readonly string[]
  stop(): Promise<void>
}

/** Watches one Node and one Module's label on it from now on. Resolves when the watch has begun. */
export async function watchNode(kube: Kube, name: string, module: ModuleRef): Promise<NodeHistory> {
  const states: string[] = []
  const informer = createInformer<Node>({
    kube,
    resource: nodes,
    name: `node ${name}`,
    fieldSelector: `metadata.name=${name}`,
    log: { warn: (fields, message) => console.error(message, fields) },
  })
  informer.subscribe(({ type, object: { metadata, status } }) => {
    if (type === 'deleted') return
    const ready = status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true
    const labelled = metadata.labels?.[readyLabel(module)] !== undefined
    const state = `${status?.nodeInfo?.bootID} ${ready ? 'Ready' : 'NotReady'} ${labelled ? 'labelled' : 'bare'}`
    if (states.at(-1) !== state) states.push(state)
  })
  await informer.synced
  return { states, stop: () => informer.stop() }
}
