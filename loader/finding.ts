import type { LoaderReason } from '../api/loaderResult.ts'

/** Why the loader stops: the reason for programs, the message for people. */
export interface Finding {
  readonly reason: LoaderReason
  readonly message: string
}

/** Thrown by a step that stops the run. */
export class Stop extends Error {
  readonly reason: LoaderReason
  constructor(reason: LoaderReason, message: string) {
    super(message)
    this.name = 'Stop'
    this.reason = reason
  }
}
