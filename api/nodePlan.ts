import { nodeEligibility } from './eligibility.ts'
import type { NodeFacts } from './facts.ts'
import type { Module } from './module.ts'
import type { ModuleConfig, ModuleStatusEntry, NodeModulesConfig } from './nodeModulesConfig.ts'
import { isLeftLoaded, leftLoaded, moduleConfigHash, recordEntries } from './nodeModulesConfig.ts'

/** At most so many nodes stand in one view; the rest follows when these are done. */
export const nodeWorkLimit = 200

/** One thing to do on one node. `configHash` says with which config, so that a stale command is seen as such. */
export interface NodeWork {
  readonly node: string
  readonly uid: string
  readonly bootId: string
  /**
   * `Forget` drops the record of a module that died with an earlier boot, `Leave` gives up one that cannot be
   * unloaded; no pod is needed.
   */
  readonly action: 'Load' | 'Unload' | 'Forget' | 'Leave'
  readonly configHash: string
}

/** A node whose last action failed and that waits for a change or a retry. */
export interface NodeFailure extends NodeWork {
  readonly reason: string
  readonly message: string
  readonly attempts: number
}

/**
 * Numbers of nodes of the kernel, each in one number only: `loaded` are targets that have the wanted module, `failed`
 * wait for somebody, `waiting` have work to come, `unreachable` are not Ready.
 */
export interface NodeCounts {
  readonly targets: number
  readonly loaded: number
  readonly failed: number
  readonly waiting: number
  readonly unreachable: number
}

export interface NodesView {
  readonly work: readonly NodeWork[]
  readonly failures: readonly NodeFailure[]
  /** More nodes differ than `work` and `failures` hold. */
  readonly truncated: boolean
  readonly counts: NodeCounts
}

/** What one node needs. `loaded` and `idle` need nothing. */
export type NodePlan =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'failed'; readonly failure: NodeFailure; readonly config: ModuleConfig }
  | { readonly kind: 'work'; readonly work: NodeWork; readonly config: ModuleConfig }

/** What a node plan is made from. `wanted` is the config of the last verified image, absent when there is none. */
export interface NodePlanInput {
  readonly ref: { readonly namespace: string; readonly name: string }
  readonly module: Module | undefined
  readonly node: NodeFacts
  readonly record: NodeModulesConfig | undefined
  /** `unmapped`: no kernel mapping matches; `unverified`: the image is not (yet) known to exist. */
  readonly wanted:
    | { readonly kind: 'config'; readonly config: ModuleConfig }
    | { readonly kind: 'unmapped' | 'unverified' }
  /**
   * A person gives up what cannot be unloaded: nodes that are away, and where unloading fails; `all` where the worker
   * pod waits for something that may never come, such as its image.
   */
  readonly giveUp?: 'failing' | 'all'
}

/**
 * The rules for one node, in order (nodes:STM-6, nodes:SCH-5 with the Betters):
 * a node that is not Ready is left alone; a module that should not be there is unloaded with the config it was
 * loaded with; one that should be there and differs is unloaded, then loaded; a new boot is loaded again; while
 * the wanted image is not verified, and on nodes kept out only by a cordon or the like, the recorded config stands;
 * where a person forces the end of a Module, what cannot be unloaded is given up.
 */
export function planNode(input: NodePlanInput): NodePlan {
  const { ref, node } = input
  const { wish: recorded, fact: status } = recordEntries(input.record, ref)
  const desired = desiredConfig(input, recorded?.config)
  const loaded = status?.config !== undefined && status.bootId === node.bootId ? status.config : undefined

  if (desired === undefined) {
    if (recorded === undefined && status === undefined) return { kind: 'idle' }
    if (isLeftLoaded(status, node.bootId) && isLeaving(input.module)) return { kind: 'idle' }
    if (!node.ready) {
      const config = loaded ?? recorded?.config ?? status?.config
      return config !== undefined && input.giveUp !== undefined
        ? work(node, 'Leave', config, undefined)
        : { kind: 'unreachable' }
    }
    if (loaded === undefined) {
      // Firmware outlives the boot. In another kernel the image has no modules that could be looked at.
      const left = status?.firmwareHostPath === undefined ? undefined : status.config
      if (left?.kernelVersion === node.kernel) return work(node, 'Unload', left, status)
      const config = status?.config ?? recorded?.config
      return config === undefined ? { kind: 'idle' } : work(node, 'Forget', config, undefined)
    }
    const unload = work(node, 'Unload', loaded, status)
    const leave = input.giveUp === 'all' || (input.giveUp === 'failing' && unload.kind === 'failed')
    return leave ? work(node, 'Leave', loaded, undefined) : unload
  }
  if (desired === 'later') return node.ready ? { kind: 'waiting' } : { kind: 'unreachable' }
  // One that was given up, under a former Module of this name, is nobody's wish: it is unloaded first.
  const same = loaded !== undefined && moduleConfigHash(loaded) === moduleConfigHash(desired)
  if (same && !isLeftLoaded(status, node.bootId)) return { kind: 'loaded' }
  if (!node.ready) return { kind: 'unreachable' }
  if (loaded !== undefined) return work(node, 'Unload', loaded, status)
  return work(node, 'Load', desired, status)
}

/** Is the Module gone, or going? */
function isLeaving(module: Module | undefined): boolean {
  return module === undefined || module.metadata.deletionTimestamp !== undefined
}

function desiredConfig(
  input: NodePlanInput,
  recorded: ModuleConfig | undefined,
): ModuleConfig | 'later' | undefined {
  const { module, node, wanted } = input
  if (module === undefined || module.metadata.deletionTimestamp !== undefined) return undefined
  if (module.spec.moduleLoader === undefined) return undefined
  const eligibility = nodeEligibility(module, node)
  const standing = recorded?.kernelVersion === node.kernel ? recorded : undefined
  if (eligibility.kind === 'paused') return standing
  if (eligibility.kind !== 'target' || wanted.kind === 'unmapped') return undefined
  return wanted.kind === 'config' ? wanted.config : (standing ?? 'later')
}

function work(
  node: NodeFacts,
  action: NodeWork['action'],
  config: ModuleConfig,
  status: ModuleStatusEntry | undefined,
): NodePlan {
  const item: NodeWork = {
    node: node.name,
    uid: node.uid,
    bootId: node.bootId,
    action,
    configHash: moduleConfigHash(config),
  }
  const failure = status?.failure
  const sameCommand =
    failure?.reason !== leftLoaded &&
    failure?.action === action &&
    failure.configHash === item.configHash &&
    failure.bootId === node.bootId
  if (failure !== undefined && sameCommand) {
    return {
      kind: 'failed',
      config,
      failure: { ...item, reason: failure.reason, message: failure.message, attempts: failure.attempts },
    }
  }
  return { kind: 'work', work: item, config }
}

/** A module in use is tried again by itself, at a growing pace; everything else waits for a change. */
export function retries(failure: NodeFailure): boolean {
  return failure.reason === 'InUse'
}

/** Puts the plans of all nodes of a kernel together, at most `nodeWorkLimit` of each kind. */
export function viewNodes(
  plans: readonly { readonly target: boolean; readonly plan: NodePlan }[],
): NodesView {
  const all = plans.map((p) => p.plan)
  const todo = all.flatMap((p) =>
    p.kind === 'work' ? [p.work] : p.kind === 'failed' && retries(p.failure) ? [p.failure] : [],
  )
  const failures = all.flatMap((p) => (p.kind === 'failed' ? [p.failure] : []))
  const count = (kind: NodePlan['kind']) => all.filter((p) => p.kind === kind).length
  const held = failures.filter((failure) => !retries(failure))
  return {
    work: todo.slice(0, nodeWorkLimit),
    failures: failures.slice(0, nodeWorkLimit),
    truncated: todo.length > nodeWorkLimit || failures.length > nodeWorkLimit,
    counts: {
      targets: plans.filter((p) => p.target).length,
      loaded: plans.filter((p) => p.target && p.plan.kind === 'loaded').length,
      failed: held.length,
      waiting: todo.length + count('waiting'),
      unreachable: count('unreachable'),
    },
  }
}
