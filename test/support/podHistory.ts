import { createInformer } from '../../activities/kube/informer.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import { pods, type Pod } from '../../activities/kube/resources.ts'
import { labels } from '../../api/names.ts'

/** A pod that was there at some time since the history began. */
export interface SeenPod {
  readonly uid: string
  readonly name: string
  /** Its last known state. */
  readonly pod: Pod
  readonly gone: boolean
}

/** Every pod that was ever created in a namespace, in order of creation. */
export interface PodHistory {
  all(): readonly SeenPod[]
  /** Build pods only, of one Module when `module` is given. */
  builds(module?: string): readonly SeenPod[]
  /** Worker pods only, of one action or one Module when they are given. */
  workers(action?: 'Load' | 'Unload', module?: string): readonly SeenPod[]
  /** How many build pods of one Module and kernel there were at one time at most, those being deleted too. */
  readonly mostBuildsAtOnce: number
  stop(): Promise<void>
}

/** Watches the pods of a namespace from now on. Resolves when the watch has begun. */
export async function watchPods(kube: Kube, namespace: string): Promise<PodHistory> {
  const seen = new Map<string, SeenPod>()
  const informer = createInformer<Pod>({
    kube,
    resource: pods,
    name: `pods of ${namespace}`,
    namespace,
    log: { warn: (fields, message) => console.error(message, fields) },
  })
  let mostBuildsAtOnce = 0
  const all = () => [...seen.values()]
  /** Those that have the first label, with this value and of this Module when they are given. */
  const labelled = (label: string, value: string | undefined, module: string | undefined) =>
    all().filter(({ pod: { metadata } }) => {
      const found = metadata.labels?.[label]
      const isMeant = found !== undefined && (value === undefined || found === value)
      return isMeant && (module === undefined || metadata.labels?.[labels.moduleName] === module)
    })
  const builds = (module?: string) => labelled(labels.resourceType, 'BuildImage', module)
  informer.subscribe(({ type, object }) => {
    const { uid, name } = object.metadata
    seen.set(uid, { uid, name, pod: object, gone: type === 'deleted' })
    const { [labels.moduleName]: module, [labels.targetKernel]: kernel } = object.metadata.labels ?? {}
    const now = builds(module).filter(
      (one) => !one.gone && one.pod.metadata.labels?.[labels.targetKernel] === kernel,
    )
    mostBuildsAtOnce = Math.max(mostBuildsAtOnce, now.length)
  })
  await informer.synced
  return {
    all,
    builds,
    workers: (action, module) => labelled(labels.workerAction, action, module),
    get mostBuildsAtOnce() {
      return mostBuildsAtOnce
    },
    stop: () => informer.stop(),
  }
}
