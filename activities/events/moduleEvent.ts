import type { KernelRef } from '../../api/names.ts'
import type { WaitReason } from './eventReasons.ts'
import type { EndedHold, HoldRef, PodRef, StopCause } from '../contract.ts'

/** A Module's kernel, and the run that works for it. */
export interface EventSubject extends KernelRef {
  readonly workflowId: string
  readonly runId: string
}

/** What a pod does for an image: it builds it, or signs what is in it. */
export type ImageStage = 'build' | 'sign'

/** The Node something happened on. */
interface OnNode {
  readonly node: string
  readonly bootId: string
  readonly configHash: string
}

/**
 * Something that happened to a Module and that people want to hear of. Activities say each once; log, metrics and
 * Events of Kubernetes are made of it. Times are in seconds, absent when not known.
 */
export type ModuleEvent =
  /** A registry, or a node in its place, was asked for an image and has answered, or has not. */
  | {
      readonly kind: 'ImageAsked'
      readonly image: string
      readonly by: 'registry' | 'node'
      /** `present`, `absent`, or why there was no answer. */
      readonly result: string
      readonly seconds: number
    }
  | {
      readonly kind: 'BuildCreated'
      readonly stage: ImageStage
      readonly pod: PodRef
      readonly image: string
      readonly attempt: number
      /** RFC 3339 */
      readonly createdAt: string
    }
  | {
      readonly kind: 'BuildEnded'
      readonly stage: ImageStage
      readonly pod: PodRef
      readonly image: string
      readonly result: 'succeeded' | 'failed' | 'interrupted'
      /** One CamelCase word; `Completed` for what succeeded. */
      readonly reason: string
      readonly message: string
      /** Of the log of a failed build; secrets are masked. */
      readonly errorLines?: string
      readonly seconds?: number
    }
  /** A build pod went before its build had ended; one that is superseded may have failed. */
  | {
      readonly kind: 'BuildStopped'
      readonly stage: ImageStage
      readonly pod: PodRef
      readonly why: StopCause
    }
  /** The annotation `rebuild` was of no use for this kernel; `activity` as below. */
  | { readonly kind: 'RebuildRefused'; readonly why: string; readonly activity: string }
  | (OnNode & {
      readonly kind: 'NodeDone'
      readonly action: 'Load' | 'Unload'
      /** Of the worker pod that did it: the same config may be loaded twice in one boot. */
      readonly podUid: string
      readonly message: string
      readonly seconds?: number
    })
  | (OnNode & {
      readonly kind: 'NodeFailed'
      readonly action: 'Load' | 'Unload'
      readonly reason: string
      readonly message: string
      /** How often people had retried in this run; absent before they have. */
      readonly retries?: number
      readonly seconds?: number
    })
  | (OnNode & { readonly kind: 'LeftLoaded'; readonly message: string })
  /** The kernel's status has come to name this as what it waits for; `activity` as below. */
  | {
      readonly kind: 'Waits'
      readonly reason: WaitReason
      readonly message: string
      readonly activity: string
    }
  | { readonly kind: 'Held'; readonly hold: HoldRef }
  /** `activity`: tells one release from the next, and is the same when the activity is tried again. */
  | { readonly kind: 'HoldReleased'; readonly hold: EndedHold; readonly activity: string }
