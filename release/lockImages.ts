import { join } from 'node:path'
import { type ImageCheck, checkImage } from '../activities/registry/checkImage.ts'
import type { ImagesLock } from '../api/imagesLock.ts'
import { readLock, writeLock } from './imagesLock.ts'

/** Architectures that a release is made for. */
export const architectures = ['amd64', 'arm64'] as const
export type Architecture = (typeof architectures)[number]

/** An image that keeps the digest it had. */
export interface LockFailure {
  readonly reference: string
  readonly message: string
}

/**
 * Asks the registries for the digest that each tag stands for now. An image whose registry gives no answer, or that
 * lacks an architecture, keeps its entry and is a failure. `check` must ask for the traits.
 */
export async function lockImages(
  lock: ImagesLock,
  check: (reference: string) => Promise<ImageCheck>,
): Promise<{ readonly lock: ImagesLock; readonly failures: readonly LockFailure[] }> {
  const answers = await Promise.all(
    lock.images.map(async (image) => ({ image, answer: digestIn(await check(image.reference)) })),
  )
  return {
    lock: {
      images: answers.map(({ image, answer }) =>
        'digest' in answer ? { ...image, digest: answer.digest } : image,
      ),
    },
    failures: answers.flatMap(({ image: { reference }, answer }) =>
      'message' in answer ? [{ reference, message: answer.message }] : [],
    ),
  }
}

function digestIn(found: ImageCheck): { readonly digest: string } | { readonly message: string } {
  if (found.kind === 'absent') return { message: 'the registry does not have it' }
  if (found.kind !== 'present') return { message: found.message }
  const has = found.traits?.architectures ?? []
  const missing = architectures.filter((architecture) => !has.includes(architecture))
  return missing.length === 0
    ? { digest: found.digest }
    : { message: `it is not there for ${missing.join(' and ')}, only for ${has.join(', ')}` }
}

async function main(): Promise<void> {
  const project = join(import.meta.dirname, '..')
  const options = { insecure: false, insecureSkipTLSVerify: false, traits: true }
  const { lock, failures } = await lockImages(
    await readLock(project),
    async (reference) => await checkImage(reference, options),
  )
  await writeLock(project, lock)
  for (const { reference, digest } of lock.images)
    process.stdout.write(`${reference}  ${digest ?? 'not locked'}\n`)
  for (const { reference, message } of failures) process.stderr.write(`${reference}: ${message}\n`)
  if (failures.length > 0) process.exitCode = 1
}

if (import.meta.main) await main()
