import { help } from '../../api/commandsThatHelp.ts'
import { ownPods } from '../cluster/read.ts'
import { follow, type Followed } from '../kube/follow.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import type { Execution } from './execute.ts'
import type { UninstallStep } from './plan.ts'
import { moduleWaits, waitLines } from './remains.ts'
import type { NodeOfCluster, PodOfCluster } from './snapshot.ts'

/** Least time between two pieces of progress: each node changes several times. */
const paceMs = 1_000

/** Waits until there is no Module any more, and shows what each waits for. Returns early when the signal aborts. */
export async function awaitModules({ cluster, signal, note }: Execution): Promise<undefined> {
  const over = new AbortController()
  const seen = new Map<keyof typeof followed, readonly StoredObject[]>()
  const progress = createProgress(note, () => {
    const of = <T extends StoredObject>(what: keyof typeof followed) => (seen.get(what) ?? []) as readonly T[]
    const objects = {
      modules: of('modules'),
      records: of('records'),
      nodes: of<NodeOfCluster>('nodes'),
      pods: of<PodOfCluster>('pods'),
    }
    const added = objects.modules.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    return [
      ...moduleWaits(objects).flatMap(waitLines),
      ...added.map(
        ({ metadata }) =>
          `Module ${metadata.namespace}/${metadata.name} was created meanwhile: delete it, and stop what creates it.`,
      ),
    ]
  })
  const ending = AbortSignal.any([signal, over.signal])
  try {
    await Promise.all(
      (Object.keys(followed) as (keyof typeof followed)[]).map(async (what) => {
        const onChange = (objects: readonly StoredObject[]) => {
          seen.set(what, objects)
          if (what === 'modules' && objects.length === 0) over.abort()
          if (seen.size === Object.keys(followed).length) progress.changed()
        }
        await follow(cluster, followed[what], { onChange, onTrouble: trouble(note) }, ending)
      }),
    )
  } finally {
    progress.close()
  }
}

const followed = {
  modules: { kind: kinds.modules, place: {} },
  records: { kind: kinds.nodeModulesConfigs, place: {} },
  nodes: { kind: kinds.nodes, place: {} },
  pods: { kind: kinds.pods, place: {}, labelSelector: ownPods },
} as const satisfies Record<string, Followed>

/** Waits until the operator's pods are gone: one that ends still acts. Returns early when the signal aborts. */
export async function awaitPodsGone(
  { cluster, signal, note }: Execution,
  { deployment: { namespace }, selector }: UninstallStep & { readonly kind: 'stopOperator' },
): Promise<undefined> {
  const labelSelector = Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
  const over = new AbortController()
  let pods: readonly PodOfCluster[] = []
  const progress = createProgress(note, () =>
    pods.map(({ metadata: { name }, spec }) => {
      const node = spec?.nodeName === undefined ? '' : ` on node ${spec.nodeName}`
      const force = help.forceDeletePod(namespace, name)
      return `pod ${name}${node} has not ended; if that node is off for good: ${force}`
    }),
  )
  const onChange = (found: readonly PodOfCluster[]) => {
    pods = found
    if (found.length === 0) over.abort()
    else progress.changed()
  }
  const place = { kind: kinds.pods, place: { namespace }, labelSelector }
  const ending = AbortSignal.any([signal, over.signal])
  try {
    await follow(cluster, place, { onChange, onTrouble: trouble(note) }, ending)
  } finally {
    progress.close()
  }
}

function trouble(note: Execution['note']) {
  return (why: string) => note(`  ${why}; trying again`)
}

/** Shows lines that were not there the last time, at a bounded pace. */
function createProgress(note: Execution['note'], lines: () => readonly string[]) {
  let shown: ReadonlySet<string> = new Set()
  let timer: NodeJS.Timeout | undefined
  const show = () => {
    timer = undefined
    const now = lines()
    for (const line of now) if (!shown.has(line)) note(`  ${line}`)
    shown = new Set(now)
  }
  return {
    changed: () => void (timer ??= setTimeout(show, paceMs)),
    close: () => clearTimeout(timer),
  }
}
