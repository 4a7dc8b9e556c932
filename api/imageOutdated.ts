import { sourceHash } from './buildInputs.ts'
import type { ClusterSnapshot } from './facts.ts'
import { wantedImage } from './imageWish.ts'
import type { Condition, KernelStatus, Module } from './module.ts'
import { annotations } from './names.ts'

/** Type of the condition that warns of an image built from other inputs than the Module has now. */
export const imageOutdated = 'ImageOutdated'

/**
 * Is an image in use that was built from another Dockerfile, other arguments, Secrets or for another kernel than a
 * build would use now (images:MIC-11 Better)? The label of the image says so, and no registry is asked for it.
 * Undefined when none is, and of images without that label. A warning only: nothing is built or loaded for it.
 */
export function imageOutdatedCondition(
  cluster: ClusterSnapshot,
  module: Module,
): Pick<Condition, 'type' | 'status' | 'reason' | 'message'> | undefined {
  const [first, ...others] = (module.status?.kernels ?? []).filter((entry) =>
    isOutdated(cluster, module, entry),
  )
  if (first === undefined) return undefined
  const { namespace, name } = module.metadata
  const more = others.length === 0 ? '' : ` So it is for ${others.map(({ kernel }) => kernel).join(', ')}.`
  const message =
    `Kernel ${first.kernel}: image ${first.image} was built from other inputs (Dockerfile, build.buildArgs, ` +
    `build.secrets, kernel) than the Module has now. It stays in use.${more} To have it built from these, give ` +
    `containerImage another tag, or build it again under this one: kubectl -n ${namespace} annotate module ${name} ` +
    `${annotations.rebuild}='${others.length === 0 ? first.kernel : 'all'}'. A changed imageRebuildTriggerGeneration ` +
    'does not build an image that exists.'
  return { type: imageOutdated, status: 'True', reason: 'InputsDiffer', message }
}

function isOutdated(cluster: ClusterSnapshot, module: Module, entry: KernelStatus): boolean {
  const { kernel, image, digest, sourceHash: source } = entry
  if (digest === undefined || source === undefined) return false
  const { wish, mapping, dockerfile, architectures } = wantedImage(cluster, module.metadata, kernel)
  const [architecture] = architectures
  if (wish.kind !== 'wanted' || wish.image !== image || wish.build.kind !== 'ready') return false
  if (mapping === undefined || dockerfile === undefined || architecture === undefined) return false
  return sourceHash({ mapping, ref: module.metadata, kernel, architecture, dockerfile }) !== source
}
