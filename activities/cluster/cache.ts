import { canonicalImage } from '../../api/claim.ts'
import type { ClusterSnapshot, DockerfileFacts, NodeFacts, PodFacts } from '../../api/facts.ts'
import type { KernelStatus, Module } from '../../api/module.ts'
import { annotations, labels, moduleKey, type ModuleRef } from '../../api/names.ts'
import { nodeModulesConfigSchema, type NodeModulesConfig } from '../../api/nodeModulesConfig.ts'
import { parseModule, type UnreadableModule } from '../../api/readModule.ts'
import type { Seen } from '../contract.ts'
import { createInformer, type Informer, type InformerLog } from '../kube/informer.ts'
import type { Kube } from '../kube/kube.ts'
import { configMaps, modules, nodeModulesConfigs, nodes, pods } from '../kube/resources.ts'
import type { ConfigMap, CustomObject, Node, Pod, StoredObject } from '../kube/resources.ts'
import type { Change } from '../kube/store.ts'
import { slimConfigMap, slimNode, slimPod } from './slim.ts'
import { dockerfileFacts, nodeFacts, podFacts } from '../../api/objectFacts.ts'
import { countedPods } from '../../api/podProvenance.ts'

/** Something changed that concerns these Modules. */
export interface CacheChange {
  readonly modules: readonly ModuleRef[]
  readonly object: { readonly kind: string; readonly name: string; readonly resourceVersion: string }
}

/**
 * The process's copy of the cluster, shared by the watcher and all activities: five informers, of which every view
 * is a pure function.
 */
export interface ClusterCache extends ClusterSnapshot {
  /** All first lists are in. */
  readonly synced: Promise<void>
  /** Modules there are, and Modules of which only records are left. Pods alone make no Module known. */
  knownModules(): ModuleRef[]
  /** Have all kinds in `seen` reached their versions? False when not within the time. */
  caughtUp(seen: Seen, timeoutMs: number): Promise<boolean>
  waitForPod(
    ref: { readonly namespace: string; readonly name: string },
    predicate: (pod: PodFacts | undefined) => boolean,
    signal: AbortSignal,
  ): Promise<PodFacts | undefined>
  /** The last state of a pod that went a short time ago. */
  departedPod(uid: string): PodFacts | undefined
  subscribe(handler: (change: CacheChange) => void): () => void
  stop(): Promise<void>
}

/** So many pods are remembered when they have gone: an activity that follows one may begin after its end. */
const departedPods = 500

/** Starts the informers. Nothing is known before `synced`. */
export function createClusterCache(kube: Kube, log: InformerLog): ClusterCache {
  const common = { kube, log }
  const ours = `${labels.partOf}=kmm`
  const moduleInformer = createInformer<CustomObject>({ ...common, resource: modules, name: 'Module' })
  const nodeInformer = createInformer<Node>({ ...common, resource: nodes, name: 'Node', keep: slimNode })
  const podInformer = createInformer<Pod>({
    ...common,
    resource: pods,
    name: 'Pod',
    labelSelector: ours,
    keep: slimPod,
  })
  const recordInformer = createInformer<CustomObject>({
    ...common,
    resource: nodeModulesConfigs,
    name: 'NodeModulesConfig',
  })
  const configMapInformer = createInformer<ConfigMap>({
    ...common,
    resource: configMaps,
    name: 'ConfigMap',
    keep: slimConfigMap,
  })
  const informers = {
    Module: moduleInformer,
    Node: nodeInformer,
    Pod: podInformer,
    NodeModulesConfig: recordInformer,
    ConfigMap: configMapInformer,
  } satisfies Record<string, Pick<Informer<StoredObject>, 'reached' | 'synced' | 'stop'>>

  const parsed = memo((object: CustomObject) => parseModule(object))
  const record = memo((object: CustomObject) => nodeModulesConfigSchema.safeParse(object))
  const asNode = memo(nodeFacts)
  const asPod = memo(podFacts)
  const podsOf = podInformer.index((pod) => [ownerKey(pod)])

  const departed = new Map<string, Pod>()
  podInformer.subscribe((change) => {
    if (change.type !== 'deleted') return
    departed.set(change.object.metadata.uid, change.object)
    const [oldest = ''] = departed.keys()
    if (departed.size > departedPods) departed.delete(oldest)
  })

  const readModule = (object: CustomObject | undefined): Module | undefined => {
    const result = object === undefined ? undefined : parsed(object)
    return result?.ok === true ? result.module : undefined
  }
  const readUnreadable = (object: CustomObject | undefined): UnreadableModule | undefined => {
    if (object === undefined) return undefined
    const result = parsed(object)
    if (result.ok) return undefined
    const { name, namespace = '', uid, resourceVersion } = object.metadata
    const metadata = { name, namespace, uid, resourceVersion }
    return result.unreadable ?? { metadata, faults: [{ field: 'metadata', message: result.message }] }
  }
  const readRecord = (object: CustomObject | undefined): NodeModulesConfig | undefined =>
    object === undefined ? undefined : record(object).data
  const knownModules = (): ModuleRef[] => {
    const refs = new Map<string, ModuleRef>()
    const add = (ref: ModuleRef) => refs.set(moduleKey(ref), ref)
    for (const object of moduleInformer.list()) add(refOf(object))
    for (const object of recordInformer.list()) for (const ref of recordRefs(readRecord(object))) add(ref)
    return [...refs.values()]
  }

  /** Modules that do not have one of these images yet: another's build of it concerns them (rings its rivals). */
  const waitingFor = (images: readonly string[]): ModuleRef[] => {
    const concerned = new Set(images.map(canonicalImage))
    if (concerned.size === 0) return []
    const waits = ({ image, digest }: KernelStatus) =>
      image !== undefined && digest === undefined && concerned.has(canonicalImage(image))
    const all = moduleInformer.list().flatMap((object) => readModule(object) ?? [])
    return all.filter((module) => module.status?.kernels?.some(waits)).map(({ metadata }) => metadata)
  }

  const synced = Promise.all(Object.values(informers).map((informer) => informer.synced)).then(
    () => undefined,
  )
  // Whoever stops the cache before it knows anything need not wait for it.
  synced.catch(() => undefined)

  const found = {
    module: (ref: ModuleRef) => readModule(moduleInformer.get(moduleKey(ref))),
    unreadable: (ref: ModuleRef) => readUnreadable(moduleInformer.get(moduleKey(ref))),
    node(name: string): NodeFacts | undefined {
      const object = nodeInformer.get(name)
      return object === undefined ? undefined : asNode(object)
    },
    nodeModulesConfig: (node: string) => readRecord(recordInformer.get(node)),
  }

  return {
    ...found,
    synced,
    modules: () => moduleInformer.list().flatMap((object) => readModule(object) ?? []),
    nodes: (): NodeFacts[] => nodeInformer.list().map(asNode),
    nodeModulesConfigs: () => recordInformer.list().flatMap((object) => readRecord(object) ?? []),
    pods: (ref) => countedPods(found, ref, podsOf(moduleKey(ref)).map(asPod)),
    configMap(namespace, name): DockerfileFacts | undefined {
      const object = configMapInformer.get(`${namespace}/${name}`)
      return object === undefined ? undefined : dockerfileFacts(object)
    },
    knownModules,
    unreadableModules: () => moduleInformer.list().flatMap((object) => readUnreadable(object) ?? []),
    async caughtUp(seen, timeoutMs) {
      const waits = Object.entries(seen).flatMap(([kind, version]) => {
        const informer = Object.hasOwn(informers, kind)
          ? informers[kind as keyof typeof informers]
          : undefined
        return informer === undefined ? [] : [informer.reached(version, timeoutMs)]
      })
      return (await Promise.all(waits)).every(Boolean)
    },
    async waitForPod(ref, predicate, signal) {
      const look = (pod: Pod | undefined) => predicate(pod === undefined ? undefined : asPod(pod))
      const pod = await podInformer.waitFor(moduleKey(ref), look, { signal })
      return pod === undefined ? undefined : asPod(pod)
    },
    departedPod(uid) {
      const pod = departed.get(uid)
      return pod === undefined ? undefined : asPod(pod)
    },
    subscribe(handler) {
      const tell = (object: StoredObject, kind: string, refs: readonly ModuleRef[]) => {
        const { name, resourceVersion } = object.metadata
        if (refs.length > 0) handler({ modules: refs, object: { kind, name, resourceVersion } })
      }
      const ends = [
        moduleInformer.subscribe((change) => {
          const { object } = change
          const versions = change.type === 'updated' ? [change.old, object] : [object]
          const images = versions.flatMap((version) => imagesOf(readModule(version)))
          tell(object, 'Module', [refOf(object), ...waitingFor(images)])
        }),
        podInformer.subscribe(({ object }) => {
          const image = object.metadata.annotations?.[annotations.image]
          tell(object, 'Pod', [...podRefs(object), ...waitingFor(image === undefined ? [] : [image])])
        }),
        nodeInformer.subscribe((change) => {
          if (isNews(change, asNode)) tell(change.object, 'Node', knownModules())
        }),
        recordInformer.subscribe((change) => {
          const before = change.type === 'updated' ? recordRefs(readRecord(change.old)) : []
          tell(change.object, 'NodeModulesConfig', [...before, ...recordRefs(readRecord(change.object))])
        }),
        configMapInformer.subscribe(({ object }) => {
          const { namespace = '', name } = object.metadata
          const users = moduleInformer.list().filter((m) => m.metadata.namespace === namespace)
          if (users.some((m) => JSON.stringify(m.spec).includes(`"${name}"`))) {
            const images = users.flatMap((m) => imagesOf(readModule(m)))
            tell(object, 'ConfigMap', [...users.map(refOf), ...waitingFor(images)])
          }
        }),
      ]
      return () => ends.forEach((end) => end())
    },
    async stop() {
      await Promise.all(Object.values(informers).map((informer) => informer.stop()))
    },
  }
}

/** Objects of a cache never change, so what is derived from one is made once. */
function memo<T extends object, R>(derive: (object: T) => R): (object: T) => R {
  const known = new WeakMap<T, R>()
  return (object) => {
    const found = known.get(object)
    if (found !== undefined) return found
    const made = derive(object)
    known.set(object, made)
    return made
  }
}

function imagesOf(module: Module | undefined): string[] {
  return (module?.status?.kernels ?? []).flatMap(({ image }) => image ?? [])
}

/** A heartbeat changes a Node object, but nothing we act on. */
function isNews<T extends StoredObject>(change: Change<T>, facts: (object: T) => unknown): boolean {
  if (change.type !== 'updated') return true
  return JSON.stringify(facts(change.old)) !== JSON.stringify(facts(change.object))
}

function refOf(object: StoredObject): ModuleRef {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name }
}

function podRefs(pod: Pod): ModuleRef[] {
  const name = pod.metadata.labels?.[labels.moduleName]
  return name === undefined ? [] : [{ namespace: pod.metadata.namespace ?? '', name }]
}

function ownerKey(pod: Pod): string {
  return podRefs(pod).map(moduleKey)[0] ?? ''
}

function recordRefs(record: NodeModulesConfig | undefined): ModuleRef[] {
  const entries = [...(record?.spec?.modules ?? []), ...(record?.status?.modules ?? [])]
  return entries.map(({ namespace, name }) => ({ namespace, name }))
}
