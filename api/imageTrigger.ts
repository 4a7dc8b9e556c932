import type { NodeFacts } from './facts.ts'
import type { Module } from './module.ts'
import { isPending, needsImage } from './moduleConditions.ts'

/**
 * `status.imageRebuildTriggerGeneration` (images:STS-6): the trigger that was taken last, of `spec`. Better: not before
 * the run of each kernel has taken it, so that ImagesReady beside it is about images that were looked up for it.
 */
export function takenTrigger(module: Module, targets: readonly NodeFacts[]): number | undefined {
  const trigger = module.spec.imageRebuildTriggerGeneration
  const { kernels = [], imageRebuildTriggerGeneration: taken } = module.status ?? {}
  if (trigger === undefined) return undefined
  const isTaken =
    !isPending(module, targets) &&
    kernels.filter(needsImage).every(({ imageGeneration }) => imageGeneration === trigger)
  return isTaken ? trigger : taken
}
