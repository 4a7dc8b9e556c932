import { withDigest } from '../../api/imageReference.ts'
import type { KernelView } from '../../api/kernelView.ts'
import type { BuildRequest } from '../contract.ts'

/**
 * Is this the pod that the Module as it is now asks for? A request comes from a workflow, and whoever reaches its
 * Temporal namespace can write one: else the Module's logins would push anywhere, and its key sign anything.
 */
export function isOrdered(
  { wish, stored }: KernelView,
  { image, inputHash, attempt, source }: Pick<BuildRequest, 'image' | 'inputHash' | 'attempt' | 'source'>,
): boolean {
  if (wish.kind !== 'wanted' || !Number.isSafeInteger(attempt) || attempt < 1) return false
  const { build, unsigned } = wish
  const isOf = (made: typeof build) => made.kind === 'ready' && made.inputHash === inputHash
  if (unsigned !== undefined && isOf(unsigned.build)) return image === unsigned.image && source === undefined
  if (!isOf(build) || image !== wish.image) return false
  if (unsigned === undefined) return source === undefined
  const known = stored?.unsigned
  return known?.image === unsigned.image && source === withDigest(known.image, known.digest)
}
