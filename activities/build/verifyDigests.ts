import { ApplicationFailure } from '@temporalio/common'
import { storedEntry, storedModule } from '../../api/facts.ts'
import type { KernelStatus } from '../../api/module.ts'
import { annotations } from '../../api/names.ts'
import { viewKernel } from '../../api/viewKernel.ts'
import type { KernelSubject } from '../contract.ts'
import { viewSettings, type Dependencies } from '../dependencies.ts'
import { digestNotVerified } from '../status.ts'
import { rememberDigest, unverifiedDigests, type FoundDigest } from '../verifiedDigests.ts'
import { askForImage } from './askForImage.ts'
import { pushedDigest } from './buildOutcome.ts'

/**
 * Verifies the digests that a run is about to write in status, as far as they are new: nodes load by them. One is
 * believed that a build pod of the Module has pushed, or that stands under the reference now. So a digest costs a
 * request only where another process asked for it before, one per image and not per node.
 * @throws ApplicationFailure `DigestNotVerified`, or a retryable one while the registry does not answer
 */
export async function verifyDigests(
  deps: Dependencies,
  subject: KernelSubject,
  entry: KernelStatus | undefined,
): Promise<void> {
  const stored = storedEntry(storedModule(deps.cache, subject.ref), subject.kernel)
  for (const found of unverifiedDigests(stored, entry)) {
    if (!(await isThere(deps, subject, found))) throw digestNotVerified(found)
    rememberDigest(found)
  }
}

async function isThere(deps: Dependencies, subject: KernelSubject, found: FoundDigest): Promise<boolean> {
  const { image, digest } = found
  const { view } = viewKernel(deps.cache, subject.ref, subject.kernel, viewSettings(deps))
  // A pod that status has not announced has no inputs of its own in a view.
  const announced = view.pods.filter(({ inputHash }) => inputHash !== '')
  const ofBuilds = new Set(announced.map(({ uid }) => uid))
  const pushed = deps.cache.pods(subject.ref).some(({ uid, annotations: its, state }) => {
    const isOfImage = ofBuilds.has(uid) && its[annotations.image] === image
    return isOfImage && state.kind === 'succeeded' && pushedDigest(state) === digest
  })
  if (pushed) return true
  const { wish } = view
  // Whoever may push under the tag of an image that is built to be signed could have anything signed.
  const unsigned = wish.kind === 'wanted' ? wish.unsigned : undefined
  if (unsigned?.image === image && unsigned.build.kind !== 'none') return false
  const { answer } = await askForImage(deps, subject, image)
  switch (answer.kind) {
    case 'present':
      return answer.digest === digest
    case 'absent':
    case 'invalid':
    case 'unfit':
      return false
    default:
      throw ApplicationFailure.create({
        message: `${image} cannot be verified before it is written in status: ${answer.message}`,
        type: 'RegistryUnreachable',
        category: 'BENIGN',
      })
  }
}
