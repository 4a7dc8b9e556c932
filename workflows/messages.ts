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
