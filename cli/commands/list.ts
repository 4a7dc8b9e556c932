import { needsPerson } from '../../api/remedies.ts'
import type { Call } from '../call.ts'
import { storedOf } from '../cluster/storedOf.ts'
import { exitCodes } from '../exitCodes.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { since } from '../output/elapsed.ts'
import type { Style } from '../output/style.ts'
import { table } from '../output/table.ts'

/** One Module in the list. */
export interface ListedModule {
  readonly namespace: string
  readonly name: string
  readonly ready: string
  readonly reason: string
  readonly message: string
  readonly kernels: { readonly total: number; readonly loaded: number; readonly held: number }
  readonly nodes: { readonly targets: number; readonly loaded: number }
  readonly created: string | undefined
}

/** `kubectl kmod list` */
export async function list(call: Call) {
  const all = call.isSet('all-namespaces')
  const place = all ? {} : { namespace: call.namespace }
  const { items } = await call.cluster.list<StoredObject>(kinds.modules, place)
  const modules = items.map(listedModule)
  call.print({ modules }, () => {
    if (modules.length === 0)
      return `No Modules ${all ? 'in the cluster' : `in namespace ${call.namespace}`}.`
    return listTable(modules, { wide: call.format === 'wide', style: call.style, now: Date.now() })
  })
  return exitCodes.ok
}

/** What stands in a Module about itself, readable or not. */
export function listedModule(object: StoredObject): ListedModule {
  const stored = storedOf(object)
  const { status } = stored
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const kernels = status?.kernels ?? []
  const { namespace = '', name, creationTimestamp } = object.metadata
  return {
    namespace,
    name,
    ready: ready?.status ?? 'Unknown',
    reason: ready?.reason ?? 'Pending',
    message: ready?.message ?? 'Nothing has been looked at yet.',
    kernels: {
      total: kernels.length,
      loaded: kernels.filter(({ phase }) => phase === 'Loaded').length,
      held: kernels.filter((k) => needsPerson({ namespace, name }, k) || (k.nodes?.failed ?? 0) > 0).length,
    },
    nodes: {
      targets: status?.moduleLoader?.nodesMatchingSelectorNumber ?? 0,
      loaded: status?.moduleLoader?.availableNumber ?? 0,
    },
    created: creationTimestamp,
  }
}

/** The list for people; `now` in milliseconds since 1970. */
export function listTable(
  modules: readonly ListedModule[],
  { wide, style, now }: { readonly wide: boolean; readonly style: Style; readonly now: number },
): string {
  const header = ['NAMESPACE', 'NAME', 'READY', 'REASON', 'KERNELS', 'HELD', 'NODES', 'AGE']
  const rows = modules.map(({ namespace, name, ready, reason, message, kernels, nodes, created }) => [
    namespace,
    name,
    ready === 'True' ? style.good(ready) : style.bad(ready),
    reason,
    `${kernels.loaded}/${kernels.total}`,
    kernels.held === 0 ? '0' : style.bad(String(kernels.held)),
    `${nodes.loaded}/${nodes.targets}`,
    since(created, now),
    ...(wide ? [message] : []),
  ])
  return table(wide ? [...header, 'MESSAGE'] : header, rows)
}
