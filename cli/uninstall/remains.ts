import type { ClusterSnapshot } from '../../api/facts.ts'
import { help } from '../../api/commandsThatHelp.ts'
import { forceReason } from '../../api/forceFinalize.ts'
import { moduleFinalizer, moduleKey, type ModuleRef } from '../../api/names.ts'
import { isLeftLoaded, recordEntries } from '../../api/nodeModulesConfig.ts'
import { snapshotOf } from '../cluster/snapshot.ts'
import { storedOf } from '../cluster/storedOf.ts'
import type { StoredObject } from '../kube/resources.ts'
import { count } from '../output/count.ts'
import type { UninstallSnapshot } from './snapshot.ts'

/** What a Module's deletion waits for. */
export interface ModuleWait {
  readonly module: ModuleRef
  /** Nodes on which it is, or may be, in the kernel. */
  readonly nodes: readonly string[]
  /** Those that nobody can reach now. */
  readonly away: readonly { readonly node: string; readonly state: 'notReady' | 'gone' }[]
  readonly pods: readonly string[]
  /** Why it does not go on by itself, as status and records have it. */
  readonly reasons: readonly string[]
  /** What ends the wait by hand; absent while it goes on. */
  readonly wayOut?: string
}

type Objects = Pick<UninstallSnapshot, 'modules' | 'nodes' | 'records' | 'pods'>

/** What the deletion of each Module waits for, or would wait for. */
export function moduleWaits({ modules, nodes, records, pods }: Objects): ModuleWait[] {
  const cluster = snapshotOf({ modules, nodes, nodeModulesConfigs: records, pods, configMaps: [] })
  return modules.map((module) => moduleWait(cluster, module))
}

function moduleWait(cluster: ClusterSnapshot, object: StoredObject): ModuleWait {
  const { namespace = '', name, finalizers = [] } = object.metadata
  const module = { namespace, name }
  const nodes = new Map(cluster.nodes().map((node) => [node.name, node]))
  const found = cluster.nodeModulesConfigs().flatMap((record) => {
    const node = record.metadata.name
    const { wish, fact } = recordEntries(record, module)
    const isLeft = isLeftLoaded(fact, nodes.get(node)?.bootId ?? '')
    return (wish === undefined && fact === undefined) || isLeft ? [] : [{ node, fact }]
  })
  const away = found.flatMap(({ node }) => {
    const its = nodes.get(node)
    if (its?.ready === true) return []
    return [{ node, state: its === undefined ? ('gone' as const) : ('notReady' as const) }]
  })
  const others = finalizers.filter((finalizer) => finalizer !== moduleFinalizer)
  const reasons = [
    ...found.flatMap(({ node, fact }) =>
      fact?.failure === undefined
        ? []
        : [`node ${node}: ${fact.failure.action} failed: ${fact.failure.reason}: ${fact.failure.message}`],
    ),
    ...(storedOf(object).status?.kernels ?? []).flatMap(({ kernel, reason, message }) =>
      reason === undefined
        ? []
        : [`kernel ${kernel}: ${reason}${message === undefined ? '' : `: ${message}`}`],
    ),
    ...(others.length === 0 ? [] : [`finalizers of others: ${others.join(', ')}`]),
  ]
  const isForced = forceReason(storedOf(object)) !== undefined
  const hangs = away.length > 0 || reasons.length > 0
  return {
    module,
    nodes: found.map(({ node }) => node),
    away,
    pods: cluster.pods(module).map((pod) => pod.name),
    reasons,
    ...(hangs && !isForced ? { wayOut: help.giveUp(module) } : {}),
  }
}

/** Why a node cannot unload now. */
export function awaySentence({ node, state }: ModuleWait['away'][number]): string {
  return state === 'gone' ? `Node ${node} is gone.` : `Node ${node} is not Ready.`
}

/** Progress for people: one line for each Module, with what is in its way below. */
export function waitLines(wait: ModuleWait): string[] {
  const { module, nodes, away, pods, reasons, wayOut } = wait
  const left = [
    ...(nodes.length === 0 ? [] : [`${count(nodes.length, 'node')} left: ${nodes.join(', ')}`]),
    ...(pods.length === 0 ? [] : [`pods: ${pods.join(', ')}`]),
  ]
  return [
    `Module ${moduleKey(module)}: ${left.length === 0 ? 'its finalizer is left' : left.join('; ')}`,
    ...away.map(
      (its) =>
        `  ${awaySentence(its)}${its.state === 'gone' ? '' : ' It is unloaded when the node returns.'}`,
    ),
    ...reasons.map((reason) => `  ${reason}`),
    ...(wayOut === undefined ? [] : [`  To give it up, and leave it loaded: ${wayOut}`]),
  ]
}

const ownLabel = /^(?:beta\.)?kmm\.node\.kubernetes\.io\//u

/** Labels of ours on a node: that a Module is ready, and which version of it is wanted. */
export function labelsOfNode({ metadata }: StoredObject): string[] {
  return Object.keys(metadata.labels ?? {}).filter((label) => ownLabel.test(label))
}
