import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow'
import type { KernelStatus } from '../api/module.ts'

/** "Look again": says what changed and where a cache must have got to, never what is true now. */
export interface Doorbell {
  readonly changes: readonly {
    readonly kind: string
    readonly name: string
    readonly resourceVersion: string
  }[]
}

/** Rung by the watcher; the run reads the truth itself. */
export const doorbell = defineSignal<[Doorbell]>('doorbell')

/** Who asks for a retry and why; both may be left out in the Temporal UI. */
export interface RetryRequest {
  readonly reason?: string
}

/** Restarts every held build and load of the run; dropped when nothing is held. */
export const retryBuild = defineSignal<[RetryRequest?]>('retryBuild')

/** The same with an answer: what was released, or a refusal when nothing is held. */
export const retry = defineUpdate<{ released: string[] }, [RetryRequest]>('retry')

export interface KernelRunState {
  readonly status: KernelStatus | undefined
  readonly held: readonly { readonly reason: string; readonly message: string; readonly unblock: string }[]
  readonly working: readonly string[]
}
export const state = defineQuery<KernelRunState>('state')

/** The end of a build's log: 64 KiB at most, secrets masked, error lines marked. */
export interface KeptLog {
  readonly pod: string
  readonly log: string
}

/** The log of the run's last build. */
export const buildLog = defineQuery<KeptLog | undefined>('buildLog')

/** Something a run did or waited for. */
export interface TimelineEntry {
  /** In words, as the steps of the run have it. */
  readonly what: string
  /** RFC 3339, as is `to`, which is absent while it goes on. */
  readonly from: string
  readonly to?: string
  /** Such as `3m12s`. */
  readonly took?: string
  /** `goes on`, or what came of it: one word, and behind a colon why. */
  readonly outcome: string
}

/** The story of a run so far, oldest first. */
export interface RunTimeline {
  /** When the run began (RFC 3339), also when a long one was continued as new. */
  readonly since: string
  /** Older entries that are not kept; the run's history has them. */
  readonly leftOut?: number
  readonly entries: readonly TimelineEntry[]
}

/** The same for the part of the run that goes on; `hold`: by which a hold is known again. */
export interface KeptTimeline {
  readonly since: string
  readonly leftOut: number
  readonly entries: readonly (TimelineEntry & { readonly hold?: string })[]
}

export const timeline = defineQuery<RunTimeline>('timeline')
