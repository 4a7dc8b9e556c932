import { z } from 'zod'

const lockedImage = z.strictObject({
  /** In full, with a tag. */
  reference: z.string().regex(/^[^@\s]+\/[^@\s]+:[^@\s]+$/u, 'must be REGISTRY/REPOSITORY:TAG'),
  /** Of the index, which covers all architectures; null until `npm run lock-images` has written it. */
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/u, 'must be sha256: and 64 hex digits')
    .nullable(),
  /** What needs it: the build of the operator's image, build pods, or the embedded Temporal. */
  use: z.enum(['base', 'builds', 'embeddedTemporal', 'embeddedTemporalUi']),
})
export type LockedImage = z.infer<typeof lockedImage>

/** deploy/images.lock.json: every image of others that this release is made from or refers to. */
export const imagesLockSchema = z.strictObject({ images: z.array(lockedImage) })
export type ImagesLock = z.infer<typeof imagesLockSchema>

/** The reference to pull: by digest when it is known, with the tag for people. */
export function pinned({ reference, digest }: Pick<LockedImage, 'reference' | 'digest'>): string {
  return digest === null ? reference : `${reference}@${digest}`
}
