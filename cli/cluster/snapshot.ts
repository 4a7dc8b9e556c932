import type { ClusterSnapshot } from '../../api/facts.ts'
import type { ConfigMapObject, NodeObject, PodObject } from '../../api/kubernetesObjects.ts'
import { labels, moduleKey, type ModuleRef } from '../../api/names.ts'
import { nodeModulesConfigSchema } from '../../api/nodeModulesConfig.ts'
import { dockerfileFacts, nodeFacts, podFacts } from '../../api/objectFacts.ts'
import { countedPods } from '../../api/podProvenance.ts'
import { parseModule, type UnreadableModule } from '../../api/readModule.ts'
import type { StoredObject } from '../kube/resources.ts'

/** Objects as the API server gave them: what a snapshot is made from. */
export interface ClusterObjects {
  readonly modules: readonly StoredObject[]
  readonly nodes: readonly NodeObject[]
  readonly nodeModulesConfigs: readonly StoredObject[]
  readonly pods: readonly PodObject[]
  readonly configMaps: readonly ConfigMapObject[]
}

export const noObjects: ClusterObjects = {
  modules: [],
  nodes: [],
  nodeModulesConfigs: [],
  pods: [],
  configMaps: [],
}

/** The same snapshot as the operator's caches give, so that its views can be made from it. */
export function snapshotOf(objects: ClusterObjects): ClusterSnapshot {
  const parsed = objects.modules.map((object) => ({ object, result: parseModule(object) }))
  const modules = parsed.flatMap(({ result }) => (result.ok ? [result.module] : []))
  const unreadable = parsed.flatMap(({ object, result }) => (result.ok ? [] : [unreadableOf(object, result)]))
  const nodes = objects.nodes.map(nodeFacts)
  const records = objects.nodeModulesConfigs.flatMap(
    (object) => nodeModulesConfigSchema.safeParse(object).data ?? [],
  )
  const recordsByNode = new Map(records.map((record) => [record.metadata.name, record]))
  const pods = Map.groupBy(objects.pods.map(podFacts), ({ namespace, labels: its }) =>
    moduleKey({ namespace, name: its[labels.moduleName] ?? '' }),
  )
  const configMaps = objects.configMaps.map(dockerfileFacts)
  const nodesByName = new Map(nodes.map((node) => [node.name, node]))
  const found = {
    module: (ref: ModuleRef) => modules.find(({ metadata }) => isOf(metadata, ref)),
    unreadable: (ref: ModuleRef) => unreadable.find(({ metadata }) => isOf(metadata, ref)),
    node: (name: string) => nodesByName.get(name),
    nodeModulesConfig: (node: string) => recordsByNode.get(node),
  }
  return {
    ...found,
    modules: () => modules,
    unreadableModules: () => unreadable,
    nodes: () => nodes,
    nodeModulesConfigs: () => records,
    pods: (ref) => countedPods(found, ref, pods.get(moduleKey(ref)) ?? []),
    configMap: (namespace, name) => configMaps.find((map) => isOf(map, { namespace, name })),
  }
}

function isOf(object: ModuleRef, { namespace, name }: ModuleRef): boolean {
  return object.namespace === namespace && object.name === name
}

function unreadableOf(
  { metadata }: StoredObject,
  result: { readonly message: string; readonly unreadable?: UnreadableModule },
): UnreadableModule {
  const { name, namespace = '', uid, resourceVersion } = metadata
  const known = { name, namespace, uid, resourceVersion }
  return result.unreadable ?? { metadata: known, faults: [{ field: 'metadata', message: result.message }] }
}
