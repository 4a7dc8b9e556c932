import type { BuildOutcome, PodRef } from '../../activities/contract.ts'
import type { KernelMemory } from './plan.ts'

/** What was built, and where. */
export interface FollowedBuild {
  readonly image: string
  readonly inputHash: string
  readonly attempt: number
  readonly pod: PodRef
}

/**
 * What a run learns from a build that left no usable image behind. `at` (RFC 3339) is when it was noticed; a
 * succeeded build is one whose image the registry does not have.
 */
export function learnFromEnd(
  { image, inputHash, attempt, pod }: FollowedBuild,
  outcome: BuildOutcome,
  at: string,
): Pick<KernelMemory, 'failure' | 'interruption'> {
  const facts = { inputHash, attempt, pod: pod.name, podUid: pod.uid }
  switch (outcome.kind) {
    case 'gone':
      return {}
    case 'interrupted': {
      const { kind: _kind, log: _log, ...why } = outcome
      return { interruption: { inputHash, attempt, at, ...why } }
    }
    case 'failed': {
      const { kind: _kind, log: _log, ...why } = outcome
      return { failure: { ...facts, ...why } }
    }
    case 'succeeded': {
      const message = `Pod ${pod.name} says it pushed ${image}, but the registry does not have it.`
      return { failure: { ...facts, reason: 'BuiltButMissing', message, errorLines: '' } }
    }
  }
}

/** Milliseconds from an interruption to the `rerun`th build after it: three times longer each time. */
export function pauseBefore(rerun: number, firstMs: number): number {
  return firstMs * 3 ** (rerun - 1)
}
