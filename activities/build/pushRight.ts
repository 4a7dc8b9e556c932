import { parseImageReference } from '../../api/imageReference.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import type { Dependencies } from '../dependencies.ts'
import { AuthoritiesError } from '../registry/authorities.ts'
import { readLogins } from '../registry/logins.ts'
import { hasPushRight } from '../registry/pushRight.ts'
import { registryAccess } from './registryAccess.ts'

/**
 * Whether the logins with which a Module's build pushes may push to the repository of an image: only then does its
 * claim count in other namespaces. False where the registry cannot be asked.
 */
export async function showsPushRight(
  deps: Dependencies,
  namespace: string,
  mapping: ResolvedMapping,
  image: string,
): Promise<boolean> {
  const { credentials } = await readLogins(deps.kube, namespace, mapping, parseImageReference(image))
  try {
    const access = registryAccess(deps.config.registry, mapping.registryTLS)
    return await hasPushRight(image, { ...access, credentials })
  } catch (error) {
    if (error instanceof AuthoritiesError) return false
    throw error
  }
}
