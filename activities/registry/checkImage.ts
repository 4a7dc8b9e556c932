import { ImageReferenceError, parseImageReference } from '../../api/imageReference.ts'
import { type ConnectionOptions, openConnection } from './connection.ts'
import type { Credentials } from './credentials.ts'
import { CheckEnd, type ImageCheck } from './imageCheck.ts'
import { architecturesOf, findManifest } from './manifest.ts'
import { openRepository } from './repository.ts'

export type { ImageCheck } from './imageCheck.ts'

export interface CheckOptions extends Omit<ConnectionOptions, 'timeoutMs'> {
  readonly credentials?: Credentials
  /** Also find out for which architectures the image is made; costs one or two requests more. */
  readonly architectures?: boolean
  /** For the whole check, 30,000 by default. */
  readonly timeoutMs?: number
}

/**
 * Asks the registry whether an image is there (images:IMG-6 and IMG-9, Better): a HEAD of the manifest, which
 * registries count least, and a GET only where HEAD leaves a doubt. HTTPS, unless `insecure` allows plain HTTP:
 * then HTTPS is tried first and plain HTTP where no TLS is spoken, as kaniko does, so that check and push meet the
 * same registry. An untrusted certificate is never a reason for plain HTTP. Throws only the signal's reason.
 */
export async function checkImage(reference: string, options: CheckOptions): Promise<ImageCheck> {
  const connection = openConnection({ timeoutMs: 30_000, ...options })
  try {
    const parsed = parseImageReference(reference)
    const repository = await openRepository(connection, parsed, options)
    const manifest = await findManifest(repository, parsed)
    if (options.architectures !== true) return { kind: 'present', digest: manifest.digest }
    const architectures = await architecturesOf(repository, manifest)
    return { kind: 'present', digest: manifest.digest, architectures }
  } catch (error) {
    if (error instanceof CheckEnd) return withFix(error.result, options)
    if (error instanceof ImageReferenceError) return { kind: 'invalid', message: withoutLogin(error.message) }
    throw error
  } finally {
    await connection.close()
  }
}

function withFix(result: ImageCheck, { credentials }: CheckOptions): ImageCheck {
  if (result.kind !== 'unauthorised') return result
  const fix = credentials === undefined ? 'give a login for it in' : 'check the login for it in'
  return { ...result, message: `${result.message}; ${fix} the Secret of imageRepoSecret` }
}

/** Somebody may write a login before the registry; it is no part of a reference and must not be repeated. */
function withoutLogin(text: string): string {
  return text.replace(/[^\s"/@]+:[^\s"/@]+@/g, '***@')
}
