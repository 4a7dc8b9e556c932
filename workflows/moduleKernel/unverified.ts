import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow'

/** Pause before an image is asked for again whose digest was not that of a moment ago, in milliseconds. */
export const unverifiedPauseMs = 10_000

/** Was a digest not written in status because nothing confirms it (`verifyDigests`)? */
export function isUnverified(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined
  return cause instanceof ApplicationFailure && cause.type === 'DigestNotVerified'
}
