import type { Rival } from './claim.ts'
import type { KernelStatus } from './module.ts'
import type { NodesView } from './nodesView.ts'

/** What the kernel's image should be, and whether a build of it could start. */
export type ImageWish =
  | {
      readonly kind: 'none'
      readonly why: 'ModuleGone' | 'ModuleDeleted' | 'NoModuleLoader' | 'NoNodes' | 'NoMapping'
    }
  | { readonly kind: 'invalid'; readonly reason: string; readonly field: string; readonly message: string }
  | {
      readonly kind: 'wanted'
      readonly image: string
      /** `imageRebuildTriggerGeneration`; a change asks the registry again. */
      readonly generation: number | null
      /** How it is made: built, or, where `signs`, by signing `unsigned`. */
      readonly build: BuildWish
      readonly signs?: true
      /** Absent while it cannot be told, because its build is `invalid`. */
      readonly unsigned?: UnsignedWish
    }

/** The image whose modules are signed; its `build` is `none` where the Module names an image (`sign.unsignedImage`). */
export interface UnsignedWish {
  readonly image: string
  readonly build: BuildWish
}

/** `invalid` stops only what is needed: an image that exists is loaded without its Dockerfile. */
export type BuildWish =
  | { readonly kind: 'none' }
  | { readonly kind: 'invalid'; readonly reason: string; readonly field: string; readonly message: string }
  | { readonly kind: 'ready'; readonly inputHash: string }

/**
 * A pod of this Module and kernel that builds or signs an image. `lost`: the cluster takes it away, so that its end is
 * nobody's wish: it was evicted, or it is to go and its node does not answer, so nobody knows whether it still runs.
 * `collectAt` (RFC 3339) is when a succeeded one may go (`job.gcDelay`).
 */
export interface BuildPodView {
  readonly name: string
  readonly uid: string
  readonly image: string
  readonly inputHash: string
  readonly attempt: number
  readonly state: 'active' | 'succeeded' | 'failed' | 'lost'
  readonly collectAt?: string
  /** The image, by digest, whose modules it signs; absent when it builds. */
  readonly source?: string
}

/**
 * The truth about one (Module, kernel), small enough for a payload: what is wanted, what is there, what differs.
 * Made by one pure function over the caches; the watcher rings on it, the kernel run decides on it.
 */
export interface KernelView {
  /** `unguarded`: alive without its finalizer yet, so nothing may be created. `unreadable`: left alone. */
  readonly module: 'alive' | 'unguarded' | 'deleting' | 'gone' | 'unreadable'
  readonly generation: number
  readonly wish: ImageWish
  /** Of the nodes the image is for, sorted; as Kubernetes names them. */
  readonly architectures: readonly string[]
  /** The digest in status, when it is of the wanted image and generation and serves all of `architectures`. */
  readonly digest?: string
  readonly pods: readonly BuildPodView[]
  /** The annotation `rebuild` is for this kernel, whose image can be built again (images:MIC-10 Better). */
  readonly rebuildAsked?: true
  /** The image is to be built though it is there: only builds from this attempt on count. */
  readonly rebuildFrom?: number
  /** Who else builds the wanted image, or has built it from other inputs, while it is not verified here. */
  readonly rival?: Rival
  /** Name of the node of the failed build in status, when that very Node is there no more. */
  readonly lostNode?: string
  /** A person forces the end of the Module: nothing that does not answer is waited for. */
  readonly forced?: true
  readonly nodes: NodesView
  /** This kernel's entry in `status.kernels[]` as stored. */
  readonly stored?: KernelStatus
}

/** What the operator's configuration says about views. `gcDelayMs`: `job.gcDelay` in milliseconds. */
export interface ViewSettings {
  readonly gcDelayMs: number
  /** Nodes that are worked on at once. */
  readonly maxParallel: number
}
