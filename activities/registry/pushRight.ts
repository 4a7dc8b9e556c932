import { ImageReferenceError, parseImageReference } from '../../api/imageReference.ts'
import type { CheckOptions } from './checkImage.ts'
import { openConnection } from './connection.ts'
import { CheckEnd } from './imageCheck.ts'
import { openRepository, type Repository } from './repository.ts'

/** An upload that the registry has begun. */
const accepted = 202

/**
 * Whether one of the logins, or a client without a login where there is none, may push to the repository of
 * `reference`: an upload is begun and cancelled, as the build executor does before it builds. Nothing is stored.
 * A registry that cannot be asked shows no right. Throws only the signal's reason.
 */
export async function hasPushRight(
  reference: string,
  options: Omit<CheckOptions, 'mayPush' | 'traits'>,
): Promise<boolean> {
  const { credentials = [] } = options
  const connection = openConnection({ timeoutMs: 15_000, ...options })
  try {
    const parsed = parseImageReference(reference)
    for (const login of credentials.length === 0 ? [undefined] : credentials) {
      const repository = await openRepository(connection, parsed, {
        insecure: options.insecure,
        credentials: login,
        mayPush: true,
      })
      if (await beginsUpload(repository, parsed.repository)) return true
    }
    return false
  } catch (error) {
    if (error instanceof CheckEnd || error instanceof ImageReferenceError) return false
    throw error
  } finally {
    await connection.close()
  }
}

async function beginsUpload(repository: Repository, name: string): Promise<boolean> {
  const uploads = new URL(`/v2/${name}/blobs/uploads/`, repository.registry)
  try {
    const { status, headers } = await repository.send('POST', uploads)
    if (status !== accepted) return false
    await cancelUpload(repository, uploads, headers['location'])
    return true
  } catch (error) {
    // The next login may be let in.
    if (error instanceof CheckEnd && error.result.kind === 'unauthorised') return false
    throw error
  }
}

/** An upload that cannot be cancelled expires in the registry. Only the registry itself is sent a login. */
async function cancelUpload(repository: Repository, uploads: URL, location: unknown): Promise<void> {
  if (typeof location !== 'string' || !URL.canParse(location, uploads.href)) return
  const upload = new URL(location, uploads)
  if (upload.origin !== uploads.origin) return
  await repository.send('DELETE', upload).catch((error: unknown) => {
    if (!(error instanceof CheckEnd)) throw error
  })
}
