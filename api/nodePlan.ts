import { nodeEligibility } from './eligibility.ts'
import { isLeaving, type NodeFacts, type PodFacts } from './facts.ts'
import type { Module } from './module.ts'
import { readyLabel, type ModuleRef } from './names.ts'
import type { ModuleConfig, ModuleEntry, ModuleStatusEntry, NodeModulesConfig } from './nodeModulesConfig.ts'
import { isLeftLoaded, leftLoaded, moduleConfigHash, recordEntries } from './nodeModulesConfig.ts'
import { accessHash, orderedCommand, workerPodClaim, type WorkerPodCommand } from './workerPodCommand.ts'

/**
 * One thing to do on one node. `Load` and `Unload` take a worker pod. `Settle` ends a pod that nobody wants, `Forget`
 * drops the record of a module that died with an earlier boot, `Leave` gives up one that cannot be unloaded, `Relabel`
 * makes `...ready` on the Node tell the truth.
 */
export interface NodeWork {
  readonly node: string
  readonly uid: string
  readonly bootId: string
  readonly action: 'Load' | 'Unload' | 'Settle' | 'Forget' | 'Leave' | 'Relabel'
  /** Of the config it is about, so that a stale command is seen as such; empty when it is about none. */
  readonly configHash: string
  /** Not to be begun before this time (RFC 3339): it failed, and is tried again by itself. */
  readonly notBefore?: string
  /** Its worker pod is there, and has not begun. */
  readonly podMade?: true
  /** Why its pod does not start. */
  readonly trouble?: { readonly reason: string; readonly message: string }
}

/** A node whose last action failed. */
export interface NodeFailure extends NodeWork {
  readonly reason: string
  readonly message: string
  /** How often it failed in a row, and when last. */
  readonly attempts: number
  readonly at: string
  /** When it is tried again by itself; absent: when something changes, or somebody asks for it. */
  readonly retryAt?: string
}

/** What one node needs. `loaded` and `idle` need nothing, `waiting` and `unreachable` come later. */
export type NodePlan =
  | { readonly kind: 'loaded' | 'idle' | 'waiting' | 'unreachable' }
  | { readonly kind: 'failed'; readonly failure: NodeFailure; readonly entry: ModuleEntry }
  /** A worker pod is to be made for it, or is made and has not begun. */
  | { readonly kind: 'work'; readonly work: NodeWork; readonly entry: ModuleEntry }
  | AfterWork

/** What is done to a pod that is there, or without one. `loaded`: the wanted module is loaded all the same. */
type AfterWork = { readonly work: NodeWork; readonly loaded: boolean } & (
  | { readonly kind: 'tidy' }
  /** `entry`: what may stay in the kernel. */
  | { readonly kind: 'leave'; readonly entry: ModuleEntry }
  | { readonly kind: 'settle'; readonly pod: PodFacts }
  /** Its worker pod has begun: `command` is followed to its end, whatever is wanted by now. */
  | { readonly kind: 'follow'; readonly pod: PodFacts; readonly command: WorkerPodCommand }
)

/** What a node plan is made from. `wanted` is the entry with the last verified image, absent when there is none. */
export interface NodePlanInput {
  readonly ref: ModuleRef
  readonly module: Module | undefined
  readonly node: NodeFacts
  readonly record: NodeModulesConfig | undefined
  /** The worker pod of this Module on this node. */
  readonly pod: PodFacts | undefined
  /** `unmapped`: no kernel mapping matches; `unverified`: the image is not (yet) known to exist. */
  readonly wanted:
    | { readonly kind: 'entry'; readonly entry: ModuleEntry }
    | { readonly kind: 'unmapped' | 'unverified' }
  /**
   * A person gives up what cannot be unloaded: nodes that are away, and where unloading fails; `all` where the worker
   * pod waits for something that may never come, such as its image.
   */
  readonly giveUp?: 'failing' | 'all' | undefined
}

/**
 * What one node needs now: what it should have and has (`compare`), then its worker pod, then its label. A pod that
 * has begun what the record asked for is followed to its end; one that is for something else, for another boot, or that
 * nobody asked for, is ended first (nodes:STM-7 Betters). The label goes before anything else when a reboot took the module away (nodes:BOOT-6 Better).
 */
export function planNode(input: NodePlanInput): NodePlan {
  const { node, pod } = input
  const plan = compare(input)
  // Nobody there could end a pod.
  if (pod === undefined || !node.ready) return withLabel(input, plan)
  const claim = workerPodClaim(pod)
  const command = orderedCommand(input, pod)
  const loaded = plan.kind === 'loaded'
  if (command !== undefined && pod.state.kind !== 'pending') {
    const work = workFor(node, command.action, command.configHash)
    return { kind: 'follow', work, loaded, pod, command }
  }
  if (plan.kind === 'leave') return plan
  if (claim?.bootId === node.bootId && (plan.kind === 'work' || plan.kind === 'failed')) {
    const { action, configHash } = plan.kind === 'work' ? plan.work : plan.failure
    const access = accessHash(plan.entry)
    const same = claim.action === action && claim.configHash === configHash
    if (same && (claim.accessHash ?? access) === access) {
      const work = { ...workFor(node, action, configHash), podMade: true as const, ...trouble(pod) }
      return { kind: 'work', work, entry: plan.entry }
    }
  }
  return { kind: 'settle', work: workFor(node, 'Settle', claim?.configHash ?? ''), loaded, pod }
}

/**
 * The rules for what a node should have and has, in order (nodes:STM-6, nodes:SCH-5 with the Betters): a node that is
 * not Ready is left alone; a module that should not be there is unloaded with the config it was loaded with; one that
 * should be there and differs is unloaded, then loaded; a new boot is loaded again; while the wanted image is not
 * verified, and on nodes kept out only by a cordon or the like, the recorded config stands; where a person forces the
 * end of a Module, what cannot be unloaded is given up.
 */
function compare(input: NodePlanInput): NodePlan {
  const { node, ref } = input
  const { wish, fact } = recordEntries(input.record, ref)
  const desired = desiredFor(input, wish)
  const loaded = loadedNow(input)
  const recorded = wish !== undefined || fact !== undefined

  const given = isLeftLoaded(fact, node.bootId)
  if (desired.kind === 'entry' && loaded !== undefined && sameConfig(loaded.config, desired.entry.config)) {
    // One that was given up, under a former Module of this name, is nobody's wish: it is unloaded first.
    if (!given) return { kind: 'loaded' }
  }
  if (desired.kind === 'nothing' && (!recorded || (given && isLeaving(input.module)))) return { kind: 'idle' }
  if (!node.ready) {
    const known =
      loaded ?? wish ?? (fact?.config === undefined ? undefined : { ...fact, config: fact.config })
    const leave = desired.kind === 'nothing' && known !== undefined && input.giveUp !== undefined
    return leave ? leaveBe(node, known) : { kind: 'unreachable' }
  }
  const forget: NodePlan = { kind: 'tidy', work: workFor(node, 'Forget', ''), loaded: false }
  switch (desired.kind) {
    case 'nothing': {
      const left = loaded ?? firmwareLeft(fact)
      if (left === undefined) return forget
      const unload = actOn(node, 'Unload', left, fact)
      const stays = input.giveUp === 'all' || (input.giveUp === 'failing' && unload.kind === 'failed')
      return stays && loaded !== undefined ? leaveBe(node, loaded) : unload
    }
    case 'later': {
      const left = firmwareLeft(fact)
      if (loaded !== undefined || !recorded) return { kind: 'waiting' }
      return left === undefined ? forget : actOn(node, 'Unload', left, fact)
    }
    case 'entry':
      return loaded === undefined
        ? actOn(node, 'Load', desired.entry, fact)
        : actOn(node, 'Unload', loaded, fact)
  }
}

/** What is loaded in the present boot of the node, with what it was loaded with. */
export function loadedNow({
  record,
  ref,
  node,
}: Pick<NodePlanInput, 'record' | 'ref' | 'node'>): ModuleEntry | undefined {
  const { fact } = recordEntries(record, ref)
  if (fact?.config === undefined || fact.bootId !== node.bootId) return undefined
  return { ...fact, config: fact.config }
}

function leaveBe(node: NodeFacts, entry: ModuleEntry): NodePlan {
  const work = workFor(node, 'Leave', moduleConfigHash(entry.config))
  return { kind: 'leave', work, loaded: false, entry }
}

/** Firmware outlives the boot, and the kernel. */
function firmwareLeft(fact: ModuleStatusEntry | undefined): ModuleEntry | undefined {
  if (fact?.firmwareHostPath === undefined || fact.config === undefined) return undefined
  return { ...fact, config: fact.config }
}

/** What a node should have; `later`: something, once its image is verified. */
type Desired =
  | { readonly kind: 'nothing' | 'later' }
  | { readonly kind: 'entry'; readonly entry: ModuleEntry }

function desiredFor(input: NodePlanInput, recorded: ModuleEntry | undefined): Desired {
  const { module, node, wanted } = input
  const nothing = { kind: 'nothing' } as const
  if (module === undefined || module.metadata.deletionTimestamp !== undefined) return nothing
  if (module.spec.moduleLoader === undefined) return nothing
  const eligibility = nodeEligibility(module, node)
  const stands = recorded?.config.kernelVersion === node.kernel
  const standing: Desired | undefined =
    stands && recorded !== undefined ? { kind: 'entry', entry: recorded } : undefined
  if (eligibility.kind === 'paused') return standing ?? nothing
  if (eligibility.kind !== 'target' || wanted.kind === 'unmapped') return nothing
  return wanted.kind === 'entry' ? wanted : (standing ?? { kind: 'later' })
}

function sameConfig(a: ModuleConfig, b: ModuleConfig): boolean {
  return moduleConfigHash(a) === moduleConfigHash(b)
}

function actOn(
  node: NodeFacts,
  action: 'Load' | 'Unload',
  entry: ModuleEntry,
  fact: ModuleStatusEntry | undefined,
): NodePlan {
  const work = workFor(node, action, moduleConfigHash(entry.config))
  const failure = fact?.failure
  const same =
    failure?.reason !== leftLoaded &&
    failure?.action === action &&
    failure.configHash === work.configHash &&
    failure.bootId === node.bootId
  if (failure === undefined || !same) return { kind: 'work', work, entry }
  const { reason, message, attempts, at, retryAt } = failure
  const retry = retryAt === undefined ? {} : { retryAt, notBefore: retryAt }
  return { kind: 'failed', entry, failure: { ...work, reason, message, attempts, at, ...retry } }
}

function workFor(node: NodeFacts, action: NodeWork['action'], configHash: string): NodeWork {
  return { node: node.name, uid: node.uid, bootId: node.bootId, action, configHash }
}

/** The kubelet says the same in two ways by turns; what the registry said stands in both. */
const backOff = /^Back-off pulling image "[^"]*"(?:: )?(?:ErrImagePull: )?/

/** A digest that status has is not looked for again by itself: a rebuilt image would be rolled out everywhere. */
const lostImage = /not found|manifest unknown/i
const lostImageFix =
  '. If the registry has lost the image, raise spec.imageRebuildTriggerGeneration: it is looked for and built again.'

function trouble(pod: PodFacts): Pick<NodeWork, 'trouble'> {
  if (pod.state.kind !== 'pending' || pod.state.reason === undefined) return {}
  const { reason, message = '' } = pod.state
  const words = message.replace(backOff, '').slice(0, 1024)
  const isPull = reason === 'ErrImagePull' || reason === 'ImagePullBackOff'
  const fix = isPull && lostImage.test(words) ? lostImageFix : ''
  return {
    trouble: {
      reason: isPull ? 'ImagePullBackOff' : reason,
      message: `pod ${pod.name}: ${words || message}${fix}`,
    },
  }
}

/** `...ready` and the recorded failure follow what is loaded; where nothing else is to be done, they are mended. */
function withLabel(input: NodePlanInput, plan: NodePlan): NodePlan {
  if (plan.kind === 'work' || plan.kind === 'tidy' || plan.kind === 'leave') return plan
  const { node, ref } = input
  const labelled = node.labels[readyLabel(ref)] !== undefined
  const stale = recordEntries(input.record, ref).fact?.failure !== undefined
  const wrong = plan.kind === 'loaded' ? !labelled || stale : labelled && loadedNow(input) === undefined
  const loaded = plan.kind === 'loaded'
  return wrong ? { kind: 'tidy', work: workFor(node, 'Relabel', ''), loaded } : plan
}
