import { ImageReferenceError, parseImageReference } from '../../api/imageReference.ts'
import { type ConnectionOptions, openConnection } from './connection.ts'
import type { Credentials } from './credentials.ts'
import { CheckEnd, type ImageCheck } from './imageCheck.ts'
import { findManifest, traitsOf } from './manifest.ts'
import { openRepository } from './repository.ts'

export type { ImageCheck } from './imageCheck.ts'

export interface CheckOptions extends Omit<ConnectionOptions, 'timeoutMs'> {
  /** Tried one after the other until one is let in; without any the registry is asked as a stranger. */
  readonly credentials?: readonly Credentials[]
  /**
   * Somebody with these credentials may build and push the image: a registry that refuses to say whether it exists is
   * asked once more with the rights of a push, by which it tells a repository that is not there from a closed one.
   */
  readonly mayPush?: boolean
  /** Also find out what the image says of itself; costs one or two requests more. */
  readonly traits?: boolean
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
    return await firstLetIn(options.credentials ?? [], async (credentials) => {
      const login = { ...options, credentials }
      const repository = await openRepository(connection, parsed, login)
      const manifest = await findManifest(repository, parsed)
      if (options.traits !== true) return { kind: 'present', digest: manifest.digest }
      return { kind: 'present', digest: manifest.digest, traits: await traitsOf(repository, manifest) }
    })
  } catch (error) {
    if (error instanceof CheckEnd) return error.result
    if (error instanceof ImageReferenceError) return { kind: 'invalid', message: withoutLogin(error.message) }
    throw error
  } finally {
    await connection.close()
  }
}

/** Asks with each login until the registry lets one in; the last refusal is the answer of all. */
async function firstLetIn(
  logins: readonly Credentials[],
  ask: (login: Credentials | undefined) => Promise<ImageCheck>,
): Promise<ImageCheck> {
  for (const login of logins.slice(0, -1)) {
    try {
      return await ask(login)
    } catch (error) {
      if (!(error instanceof CheckEnd && error.result.kind === 'unauthorised')) throw error
    }
  }
  return await ask(logins.at(-1))
}

/** Somebody may write a login before the registry; it is no part of a reference and must not be repeated. */
function withoutLogin(text: string): string {
  return text
    .split(/(?<=[\s"/])/)
    .map((part) => {
      const sign = part.lastIndexOf('@')
      const colon = part.indexOf(':')
      return colon > 0 && colon < sign - 1 ? `***${part.slice(sign)}` : part
    })
    .join('')
}
