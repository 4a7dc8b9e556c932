import { isDeepStrictEqual } from 'node:util'
import { buildArgs } from '../../api/buildInputs.ts'
import { checkMappings } from '../../api/mapping.ts'
import type { KernelStatus, Module } from '../../api/module.ts'
import type { KernelView } from '../../api/kernelView.ts'
import { hasFailedMaking } from '../../api/kernelPhase.ts'
import type { BuildArg } from '../../api/moduleLoader.ts'
import {
  buildPodName,
  kernelWords,
  moduleFinalizer,
  moduleKey,
  signPodName,
  type ModuleRef,
} from '../../api/names.ts'
import { lastAttempt } from '../../api/viewBuildPods.ts'
import { storedModule, type ClusterSnapshot } from '../../api/facts.ts'
import type { ConfigMapObject } from '../../api/kubernetesObjects.ts'
import { snapshotOf, type ClusterObjects } from '../cluster/snapshot.ts'
import { seeKernel, seeKernels, type SeenKernel, type SeenNode } from '../cluster/views.ts'
import { refOf } from '../manifests.ts'

/** What applying a Module would bring. */
export interface PlanReport {
  readonly module: string
  /** `new`: there is none of that name yet. */
  readonly change: 'new' | 'changed' | 'same'
  /** What is wrong with mappings, whatever kernels the nodes have. */
  readonly faults: readonly string[]
  readonly kernels: readonly KernelPlanReport[]
}

export interface KernelPlanReport {
  readonly kernel: string
  readonly image: ImagePlan
  readonly nodes: readonly NodePlanReport[]
}

export type ImagePlan =
  /** Its digest is known already: no registry is asked. */
  | { readonly kind: 'known'; readonly image: string; readonly digest: string }
  /** The registry is asked; `build` is made when it does not have the image. */
  | {
      readonly kind: 'lookUp'
      readonly image: string
      readonly build?: BuildPlan
      readonly sign?: SignPlan
      readonly fault?: string
    }
  | { readonly kind: 'invalid'; readonly reason: string; readonly message: string }
  | { readonly kind: 'none'; readonly why: string }

export interface BuildPlan {
  readonly inputHash: string
  /** The pod of its next attempt, or of the one that is under way. */
  readonly pod: string
  readonly arguments: readonly string[]
  /** Why it does not begin now. */
  readonly standing?:
    | { readonly kind: 'underWay' }
    /** A build of the very same inputs failed or was cancelled; it waits for a person. */
    | { readonly kind: 'held'; readonly reason: string }
    /** Another Module or kernel builds, or has built, the same image. */
    | { readonly kind: 'rival'; readonly of: string; readonly inputs: 'same' | 'other' }
}

/** What is signed, once it is there, and the pod of the next attempt to do it, or of the one that is under way. */
export interface SignPlan extends Pick<BuildPlan, 'inputHash' | 'pod' | 'standing'> {
  readonly image: string
}

export interface NodePlanReport {
  readonly node: string
  readonly action: 'load' | 'reload' | 'unload' | 'keep' | 'later' | 'nothing'
  readonly says?: string
}

/** The cluster with the Module of a file in place of the stored one; what the operator wrote about it stays. */
function withModule(
  objects: ClusterObjects,
  module: Module,
  configMaps: readonly ConfigMapObject[],
): ClusterObjects {
  const ref = refOf(module)
  const stored = storedModule(snapshotOf(objects), ref)
  const {
    uid = '',
    resourceVersion = '',
    generation = 0,
    finalizers = [moduleFinalizer],
  } = stored?.metadata ?? {}
  const metadata = { ...module.metadata, uid, resourceVersion, generation, finalizers }
  const replaced = { ...module, metadata, status: stored?.status } as ClusterObjects['modules'][number]
  const isOther = (a: { readonly name: string; readonly namespace?: string }, b: ModuleRef) =>
    a.name !== b.name || a.namespace !== b.namespace
  return {
    ...objects,
    modules: [...objects.modules.filter(({ metadata: its }) => isOther(its, ref)), replaced],
    configMaps: [
      ...objects.configMaps.filter(({ metadata: its }) =>
        configMaps.every(({ metadata: { name, namespace = '' } }) => isOther(its, { name, namespace })),
      ),
      ...configMaps,
    ],
  }
}

/** By the operator's own views, with images that are not known yet taken as if they were there. */
export function planModule(
  objects: ClusterObjects,
  module: Module,
  configMaps: readonly ConfigMapObject[],
): PlanReport {
  const ref = refOf(module)
  const before = snapshotOf(objects)
  const changed = withModule(objects, module, configMaps)
  const kernels = seeKernels(snapshotOf(changed), ref)
  const verified = snapshotOf(asIfVerified(changed, ref, kernels))
  return {
    module: moduleKey(ref),
    change: changeOf(before, module),
    faults: checkMappings(module).map(({ message }) => message),
    kernels: kernels.map((seen) => ({
      kernel: seen.kernel,
      image: imagePlan(ref, seen),
      nodes: seeKernel(verified, ref, seen.kernel).nodes.map(nodeReport),
    })),
  }
}

function changeOf(before: ClusterSnapshot, module: Module): PlanReport['change'] {
  const ref = refOf(module)
  if (storedModule(before, ref) === undefined) return 'new'
  return isDeepStrictEqual(before.module(ref)?.spec, module.spec) ? 'same' : 'changed'
}

/** No image has it; it only stands for "verified". */
const assumedDigest = `sha256:${'0'.repeat(64)}`

function asIfVerified(
  objects: ClusterObjects,
  ref: ModuleRef,
  kernels: readonly SeenKernel[],
): ClusterObjects {
  const entries = kernels.flatMap(({ kernel, view }): KernelStatus[] => {
    const { wish, digest, stored } = view
    if (wish.kind !== 'wanted') return stored === undefined ? [] : [stored]
    const { image, generation } = wish
    const { architectures: _made, ...rest } = stored ?? { kernel, phase: 'Resolving' as const }
    if (digest !== undefined && stored !== undefined) return [stored]
    return [
      {
        ...rest,
        image,
        digest: assumedDigest,
        ...(generation === null ? {} : { imageGeneration: generation }),
      },
    ]
  })
  return {
    ...objects,
    modules: objects.modules.map((object) => {
      const { name, namespace = '' } = object.metadata
      if (name !== ref.name || namespace !== ref.namespace) return object
      return { ...object, status: { kernels: entries } }
    }),
  }
}

function imagePlan(ref: ModuleRef, { kernel, view, mapping }: SeenKernel): ImagePlan {
  const { wish, digest } = view
  switch (wish.kind) {
    case 'none':
      return { kind: 'none', why: wish.why }
    case 'invalid':
      return { kind: 'invalid', reason: wish.reason, message: wish.message }
    case 'wanted': {
      const { image, build } = wish
      if (digest !== undefined) return { kind: 'known', image, digest }
      switch (build.kind) {
        case 'none':
          return { kind: 'lookUp', image }
        case 'invalid':
          return { kind: 'lookUp', image, fault: build.message }
        case 'ready': {
          const args = mapping === undefined ? [] : buildArgs(mapping, ref, kernel)
          const { unsigned } = wish
          const isThere = unsigned !== undefined && view.stored?.unsigned?.image === unsigned.image
          const built = isThere ? ({ kind: 'none' } as const) : (unsigned?.build ?? build)
          return {
            kind: 'lookUp',
            image,
            ...(built.kind === 'ready' && { build: buildPlan(ref, view, built.inputHash, args) }),
            ...(unsigned && { sign: signPlan(ref, view, build.inputHash, unsigned.image) }),
          }
        }
      }
    }
  }
}

function buildPlan(
  ref: ModuleRef,
  view: KernelView,
  inputHash: string,
  args: readonly BuildArg[],
): BuildPlan {
  const standing = standingOf(view, inputHash)
  return {
    inputHash,
    pod: buildPodName(ref.name, inputHash, dueAttempt(view, inputHash, standing)),
    arguments: args.map(({ name, value }) => `${name}=${value}`),
    ...(standing === undefined ? {} : { standing }),
  }
}

function signPlan(ref: ModuleRef, view: KernelView, inputHash: string, image: string): SignPlan {
  const standing = standingOf(view, inputHash)
  const pod = signPodName(ref.name, inputHash, dueAttempt(view, inputHash, standing))
  return { image, inputHash, pod, ...(standing && { standing }) }
}

/** The attempt that is under way, or the next one. */
function dueAttempt(view: KernelView, inputHash: string, standing: BuildPlan['standing']): number {
  const last = lastAttempt(view, inputHash)
  return standing?.kind === 'underWay' ? last : last + 1
}

function standingOf({ pods, stored, rival }: KernelView, inputHash: string): BuildPlan['standing'] {
  if (pods.some((pod) => pod.inputHash === inputHash && pod.state === 'active')) return { kind: 'underWay' }
  const isHeld = hasFailedMaking(stored?.phase) || stored?.phase === 'Cancelled'
  if (isHeld && stored?.inputHash === inputHash)
    return { kind: 'held', reason: stored.reason ?? stored.phase }
  return rival && { kind: 'rival', of: kernelWords(rival), inputs: rival.inputs }
}

function nodeReport({ node, target, plan, paused }: SeenNode): NodePlanReport {
  const about = { node: node.name }
  if (paused !== undefined && (plan.kind === 'idle' || plan.kind === 'waiting')) {
    return { ...about, action: 'later', says: `kept out for now by the taint ${paused.key}` }
  }
  const act = (action: 'Load' | 'Unload', says?: string): NodePlanReport => ({
    ...about,
    action: action === 'Load' ? 'load' : target ? 'reload' : 'unload',
    ...(says === undefined ? {} : { says }),
  })
  switch (plan.kind) {
    case 'loaded':
      return { ...about, action: 'keep' }
    case 'idle':
    case 'waiting':
      return { ...about, action: 'nothing' }
    case 'unreachable':
      return { ...about, action: 'later', says: 'the node is not Ready; when it returns' }
    case 'failed': {
      const { action, reason } = plan.failure
      return act(action === 'Unload' ? 'Unload' : 'Load', `it failed before: ${reason}`)
    }
    case 'follow':
      return act(plan.command.action, `under way in pod ${plan.pod.name}`)
    case 'work':
      return act(plan.work.action === 'Unload' ? 'Unload' : 'Load')
    case 'settle':
      return { ...about, action: 'later', says: `pod ${plan.pod.name} is ended first` }
    case 'leave':
      return { ...about, action: 'nothing', says: 'it is given up' }
    case 'tidy':
      return { ...about, action: plan.loaded ? 'keep' : 'nothing' }
  }
}
