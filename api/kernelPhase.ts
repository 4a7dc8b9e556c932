import type { KernelPhase } from './moduleStatus.ts'

/** Is a pod at work, or to be made, that builds or signs the image? */
export function isMakingImage(phase: KernelPhase | undefined): boolean {
  return phase === 'Building' || phase === 'Signing'
}

/** Did the pod that builds or signs the image fail, so that a person is waited for? */
export function hasFailedMaking(phase: KernelPhase | undefined): boolean {
  return phase === 'BuildFailed' || phase === 'SignFailed'
}
