import { dropUndefined } from './dropUndefined.ts'
import type { ClusterSnapshot } from './facts.ts'
import type { KernelStatus } from './module.ts'
import { hasFailedMaking, isMakingImage } from './kernelPhase.ts'
import { annotations } from './names.ts'
import type { StoredModule } from './readModule.ts'
import { rebuildAnnotation, rebuildAnswers, type RebuildAnswers } from './rebuild.ts'
import { kernelsOf } from './viewKernel.ts'

/*
 * What people ask of a Module's runs by annotation: which kernels it is about, and when it has been taken up.
 */

/** Phases in which nothing moves until somebody mends something. */
const stuck: readonly string[] = ['LoadFailed', 'InputInvalid', 'Cancelled', 'WaitingForImage']

/** Does this kernel wait for somebody to mend something? */
export function isStuck({ phase }: KernelStatus): boolean {
  return hasFailedMaking(phase) || stuck.includes(phase)
}

/** The kernels of a Module that a retry is for, where something may be held: `which` is a kernel or `all`. */
export function kernelsToRetry(module: StoredModule, which: string): string[] {
  const held = (kernel: KernelStatus) => isStuck(kernel) || (kernel.nodes?.failed ?? 0) > 0
  return kernelsWhere(module, which, held)
}

/**
 * The kernels of a Module whose build can be stopped: `which` is a kernel or `all`. A failed build has stopped; a
 * rebuild that failed can be given up.
 */
export function kernelsToCancel(module: StoredModule, which: string): string[] {
  const stoppable = ({ phase, rebuild }: KernelStatus) =>
    phase === 'CheckingImage' || isMakingImage(phase) || (hasFailedMaking(phase) && rebuild !== undefined)
  return kernelsWhere(module, which, stoppable)
}

/** The kernels in status that `which`, a kernel or `all`, means and for which `fits` is true. */
export function kernelsWhere(
  module: StoredModule,
  which: string,
  fits: (entry: KernelStatus) => boolean,
): string[] {
  const meant = (module.status?.kernels ?? []).filter(({ kernel }) => which === 'all' || kernel === which)
  return meant.filter(fits).map(({ kernel }) => kernel)
}

/** The annotations of a Module that its run is to act on now; each says a kernel, or `all`. */
export interface Steering extends Pick<RebuildAnswers, 'refused'> {
  readonly retry?: string
  readonly cancel?: string
  /** Once every kernel's run has taken it up. */
  readonly rebuild?: string
}

/** What people ask for now, and for which kernels a rebuild is of no use. */
export function viewSteering(cluster: ClusterSnapshot, module: StoredModule): Steering {
  const { [annotations.retryBuild]: retry, [annotations.cancelBuild]: cancel } =
    module.metadata.annotations ?? {}
  const which = rebuildAnnotation(module)
  const steering = dropUndefined({ retry, cancel })
  if (which === undefined) return { ...steering, refused: [] }
  const { open, refused } = rebuildAnswers(cluster, module, which, kernelsOf(cluster, module.metadata))
  return { ...steering, ...(open.length > 0 ? {} : { rebuild: which }), refused }
}
