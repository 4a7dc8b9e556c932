import { help } from './commandsThatHelp.ts'
import { signHash, sourceHash } from './buildInputs.ts'
import type { ClusterSnapshot } from './facts.ts'
import { wantedImage } from './imageWish.ts'
import type { Condition, KernelStatus, Module } from './module.ts'

/** Type of the condition that warns of an image built from other inputs than the Module has now. */
export const imageOutdated = 'ImageOutdated'

/** What of an image in use is not as the Module has it now. */
type Difference = 'InputsDiffer' | 'SigningDiffers'

const differences: Readonly<Record<Difference, string>> = {
  InputsDiffer:
    'was built from other inputs (Dockerfile, build.buildArgs, build.secrets, kernel) than the Module has now',
  SigningDiffers: 'is not signed as the Module says now (sign.filesToSign, sign.keySecret, sign.certSecret)',
}

/**
 * Is an image in use that was built from another Dockerfile, other arguments, Secrets or for another kernel than a
 * build would use now, or signed otherwise or not at all (images:MIC-11 and MIC-6, Better)? The labels of the image say
 * so, and no registry is asked for it. Undefined when none is, and of images without labels. A warning only: nothing
 * is built, signed or loaded for it.
 */
export function imageOutdatedCondition(
  cluster: ClusterSnapshot,
  module: Module,
): Pick<Condition, 'type' | 'status' | 'reason' | 'message'> | undefined {
  const [first, ...others] = (module.status?.kernels ?? []).flatMap((entry) => {
    const reason = differenceOf(cluster, module, entry)
    return reason === undefined ? [] : [{ ...entry, reason }]
  })
  if (first === undefined) return undefined
  const more = others.length === 0 ? '' : ` So it is for ${others.map(({ kernel }) => kernel).join(', ')}.`
  const message =
    `Kernel ${first.kernel}: image ${first.image} ${differences[first.reason]}. It stays in use.${more} To have one ` +
    `made as the Module says, give containerImage another tag, or build it again under this one: ` +
    `${help.annotateRebuild(module.metadata, others.length === 0 ? first.kernel : 'all')}. A changed imageRebuildTriggerGeneration ` +
    'does not build an image that exists.'
  return { type: imageOutdated, status: 'True', reason: first.reason, message }
}

function differenceOf(cluster: ClusterSnapshot, module: Module, entry: KernelStatus): Difference | undefined {
  const { kernel, image, digest, sourceHash: source, signHash: signed } = entry
  if (digest === undefined || (source ?? signed) === undefined) return undefined
  const { wish, mapping, dockerfile, architectures } = wantedImage(cluster, module.metadata, kernel)
  const [architecture] = architectures
  if (wish.kind !== 'wanted' || wish.image !== image || wish.build.kind !== 'ready') return undefined
  if (mapping === undefined || architecture === undefined) return undefined
  if (source !== undefined && dockerfile !== undefined) {
    const inputs = { mapping, ref: module.metadata, kernel, architecture, dockerfile }
    if (sourceHash(inputs) !== source) return 'InputsDiffer'
  }
  return mapping.sign !== undefined && signHash(mapping) !== signed ? 'SigningDiffers' : undefined
}
