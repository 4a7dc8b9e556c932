import { help } from '../../api/commandsThatHelp.ts'
import { labels, moduleKey, type ModuleRef } from '../../api/names.ts'
import { kinds, type Kind, type StoredObject } from '../kube/resources.ts'
import { daemonSetKind, definitionKind, helmAnnotations } from './installation.ts'
import { awaySentence, labelsOfNode, moduleWaits, type ModuleWait } from './remains.ts'
import { refusal } from './refusal.ts'
import { operatorOf, type UninstallSnapshot } from './snapshot.ts'

/** `unload`: modules leave the kernels first. `keepLoaded`: they stay until the nodes' next boot. */
export type Way = 'unload' | 'keepLoaded'

export interface PlanOptions {
  readonly way: Way
  readonly keepDefinitions: boolean
}

/** One object that goes; `uid` is a precondition of its deletion. */
export interface Target {
  readonly of: Kind
  readonly namespace?: string
  readonly name: string
  readonly uid: string
}

/** Objects of ours that are deleted together; `what` names them for people. */
export type Group = 'Modules' | 'pods' | 'records' | 'Leases' | 'installation' | 'definitions' | 'namespace'

/** What is done, in order. A step that has nothing to do is not in the plan. */
export type UninstallStep =
  | {
      readonly kind: 'stopOperator'
      readonly deployment: ModuleRef
      readonly replicas: number
      readonly selector: Readonly<Record<string, string>>
      readonly pods: readonly string[]
    }
  /** Modules are deleted; their finalizers stay until the operator has unloaded them. */
  | { readonly kind: 'deleteModules'; readonly modules: readonly Target[] }
  | { readonly kind: 'awaitModules'; readonly modules: readonly ModuleWait[] }
  /** Our finalizers are removed first, so that nobody is waited for; then the objects are deleted. */
  | { readonly kind: 'release'; readonly group: Group; readonly objects: readonly Target[] }
  | {
      readonly kind: 'unlabelNodes'
      readonly nodes: readonly { readonly name: string; readonly labels: readonly string[] }[]
    }
  | { readonly kind: 'unlabelNamespaces'; readonly namespaces: readonly string[] }
  | { readonly kind: 'terminateRuns'; readonly cluster: string }
  /** Helm's own part, which it alone does. */
  | { readonly kind: 'helmUninstall'; readonly release: ModuleRef; readonly command: string }

export type UninstallPlan =
  | { readonly kind: 'refused'; readonly why: string; readonly fix: string }
  | {
      readonly kind: 'steps'
      readonly steps: readonly UninstallStep[]
      /** What a person should know beforehand, such as nodes that are away. */
      readonly warnings: readonly string[]
      /** What stays, in sentences. */
      readonly stays: readonly string[]
    }

/** Plans an uninstallation from what is in the cluster now, so that an interrupted one goes on where it ended. */
export function planUninstall(snapshot: UninstallSnapshot, options: PlanOptions): UninstallPlan {
  const refused = refusal(snapshot, options)
  if (refused !== undefined) return { kind: 'refused', ...refused }
  const stop = stopSteps(snapshot)
  const steps: readonly UninstallStep[] =
    options.way === 'unload'
      ? [...unloadSteps(snapshot), ...stop]
      : [...stop, ...releaseSteps('Modules', targets(kinds.modules, snapshot.modules))]
  const before = [...steps, ...leftoverSteps(snapshot)]
  const after = installationSteps(snapshot, options)
  return {
    kind: 'steps',
    steps: [...before, ...runSteps(snapshot, [...before, ...after]), ...after],
    warnings: warningsOf(snapshot, options),
    stays: staysOf(snapshot, options),
  }
}

/** A live operator would put finalizers, labels and records back. */
function stopSteps(snapshot: UninstallSnapshot): UninstallStep[] {
  const { operatorPods } = snapshot
  const operator = operatorOf(snapshot)
  const replicas = operator?.spec.replicas ?? 1
  if (operator === undefined || (replicas === 0 && operatorPods.length === 0)) return []
  const { namespace = '', name } = operator.metadata
  const pods = operatorPods.map(({ metadata }) => metadata.name)
  const selector = operator.spec.selector.matchLabels ?? {}
  return [{ kind: 'stopOperator', deployment: { namespace, name }, replicas, selector, pods }]
}

function unloadSteps(snapshot: UninstallSnapshot): UninstallStep[] {
  if (snapshot.modules.length === 0) return []
  const alive = snapshot.modules.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  return [
    ...(alive.length === 0
      ? []
      : [{ kind: 'deleteModules' as const, modules: targets(kinds.modules, alive) }]),
    { kind: 'awaitModules', modules: moduleWaits(snapshot) },
  ]
}

/** What the operator leaves or cannot remove any more: the same either way. */
function leftoverSteps(snapshot: UninstallSnapshot): UninstallStep[] {
  const nodes = snapshot.nodes.flatMap((node) => {
    const own = labelsOfNode(node)
    return own.length === 0 ? [] : [{ name: node.metadata.name, labels: own }]
  })
  const namespaces = snapshot.namespaces.map(({ metadata }) => metadata.name)
  return [
    ...releaseSteps('pods', [
      ...targets(daemonSetKind, snapshot.daemonSets),
      ...targets(kinds.pods, snapshot.pods),
    ]),
    ...releaseSteps('records', targets(kinds.nodeModulesConfigs, snapshot.records)),
    ...(nodes.length === 0 ? [] : [{ kind: 'unlabelNodes' as const, nodes }]),
    ...(namespaces.length === 0 ? [] : [{ kind: 'unlabelNamespaces' as const, namespaces }]),
    ...releaseSteps('Leases', targets(kinds.leases, snapshot.leases)),
  ]
}

/** After the operator has ended, which would start them again, and before its configuration goes, which names Temporal. */
function runSteps({ cluster }: UninstallSnapshot, others: readonly UninstallStep[]): UninstallStep[] {
  return others.length === 0 ? [] : [{ kind: 'terminateRuns', cluster }]
}

function installationSteps(snapshot: UninstallSnapshot, options: PlanOptions): UninstallStep[] {
  const { installation, definitions, release, namespace } = snapshot
  const gone = releaseSteps(
    'definitions',
    options.keepDefinitions ? [] : targets(definitionKind, definitions),
  )
  if (release !== undefined) {
    const command = `helm uninstall ${release.name} -n ${release.namespace}`
    return [...gone, { kind: 'helmUninstall', release, command }]
  }
  return [
    ...releaseSteps(
      'installation',
      installation.map((object) => target(object.of, object)),
    ),
    ...gone,
    ...(namespace !== undefined && isOwnNamespace(snapshot)
      ? releaseSteps('namespace', targets(kinds.namespaces, [namespace]))
      : []),
  ]
}

/** It came with the installation, and nothing of others is in it. */
function isOwnNamespace({ namespace, others }: UninstallSnapshot): boolean {
  return namespace?.metadata.labels?.[labels.partOf] === 'kmm' && others.length === 0
}

function warningsOf(snapshot: UninstallSnapshot, { way }: PlanOptions): string[] {
  const found = moduleWaits(snapshot).flatMap(({ away }) => away)
  const away = [...new Map(found.map((its) => [its.node, its])).values()]
  const consequence = (state: 'notReady' | 'gone') => {
    if (way === 'unload') return 'Its Modules are waited for until it returns, or until they are given up.'
    return state === 'gone' ? '' : 'What is loaded there stays until its next boot, as everywhere.'
  }
  const busy = snapshot.pods.filter(
    ({ metadata, status }) => metadata.labels?.[labels.workerAction] && !hasEnded(status?.phase),
  )
  return [
    ...away.map((its) => `${awaySentence(its)} ${consequence(its.state)}`.trimEnd()),
    ...(way === 'unload'
      ? []
      : busy.map(
          ({ metadata }) =>
            `Worker pod ${metadata.namespace}/${metadata.name} has not ended its ${metadata.labels?.[labels.workerAction]}: it is ended where it is.`,
        )),
  ]
}

function hasEnded(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

function staysOf(snapshot: UninstallSnapshot, { way, keepDefinitions }: PlanOptions): string[] {
  const { operatorNamespace, namespace, others, release, definitions, installation } = snapshot
  const kept = installation.filter(({ metadata }) => !metadata.annotations?.[helmAnnotations.name])
  return [
    ...(way === 'keepLoaded' ? ['Modules in the kernels of nodes, until the next boot of each node.'] : []),
    ...(keepDefinitions && definitions.length > 0
      ? [`The definitions ${namesOf(definitions)} (--keep-definitions).`]
      : []),
    ...(release !== undefined && kept.length > 0
      ? [`Objects that Helm does not know: ${namesOf(kept)}. Run this command again after helm uninstall.`]
      : []),
    ...(namespace === undefined || (release === undefined && isOwnNamespace(snapshot))
      ? []
      : [
          others.length > 0
            ? `Namespace ${operatorNamespace}: it holds what the installation did not bring (${others.join(', ')}). When nobody needs it: ${help.deleteNamespace(operatorNamespace)}.`
            : `Namespace ${operatorNamespace}: it did not come with the installation's manifests (${help.deleteNamespace(operatorNamespace)}).`,
        ]),
  ]
}

function namesOf(objects: readonly StoredObject[]): string {
  return objects.map(({ metadata }) => metadata.name).join(', ')
}

function releaseSteps(group: Group, objects: readonly Target[]): UninstallStep[] {
  return objects.length === 0 ? [] : [{ kind: 'release', group, objects }]
}

function targets(of: Kind, objects: readonly StoredObject[]): Target[] {
  return objects.map((object) => target(of, object))
}

function target(of: Kind, { metadata: { namespace, name, uid } }: StoredObject): Target {
  return { of, ...(namespace === undefined ? {} : { namespace }), name, uid }
}

/** `namespace/name`, or `name`. */
export function targetKey({ namespace, name }: Pick<Target, 'namespace' | 'name'>): string {
  return namespace === undefined ? name : moduleKey({ namespace, name })
}
