import { canonicalImage } from './claim.ts'
import type { ClusterSnapshot } from './facts.ts'
import type { Condition, Module } from './module.ts'
import { kernelWords, moduleKey, type KernelRef } from './names.ts'

/** Type of the condition that warns of a tag which two kernels have found at different digests. */
export const tagMoved = 'TagMoved'

interface Found extends KernelRef {
  readonly image: string
  readonly digest: string
}

/**
 * Has a tag been moved after a kernel of this Module had its digest? A digest is resolved once and kept (design: "A
 * tag found elsewhere later is a condition, never a rollout by itself"), and no registry is asked for this: that the
 * tag is elsewhere is seen when another kernel, of this Module or of another, has found it there. Undefined when all
 * who use an image have the same.
 */
export function tagMovedCondition(
  cluster: ClusterSnapshot,
  module: Module,
): Pick<Condition, 'type' | 'status' | 'reason' | 'message'> | undefined {
  const own = foundBy(module)
  const others = cluster
    .modules()
    .filter(({ metadata }) => moduleKey(metadata) !== moduleKey(module.metadata))
  const all = [...own, ...others.flatMap(foundBy)]
  for (const here of own) {
    const there = all.find(({ image, digest }) => image === here.image && digest !== here.digest)
    if (there === undefined) continue
    const message =
      `Image ${here.image} is ${here.digest} for ${kernelWords(here)} and ${there.digest} for ${kernelWords(there)}: ` +
      'its tag was moved between. Both keep what they have. To take what the tag is now, change ' +
      'spec.imageRebuildTriggerGeneration of the one that is behind.'
    return { type: tagMoved, status: 'True', reason: 'DigestsDiffer', message }
  }
  return undefined
}

function foundBy({ metadata, status }: Module): Found[] {
  const { namespace, name, deletionTimestamp } = metadata
  if (deletionTimestamp !== undefined) return []
  return (status?.kernels ?? []).flatMap(({ kernel, image, digest }) =>
    image === undefined || digest === undefined
      ? []
      : [{ ref: { namespace, name }, kernel, image: canonicalImage(image), digest }],
  )
}
