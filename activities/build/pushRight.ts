import { Context } from '@temporalio/activity'
import { parseImageReference } from '../../api/imageReference.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import type { Dependencies } from '../dependencies.ts'
import { AuthoritiesError, readAuthorities } from '../registry/authorities.ts'
import { readLogins } from '../registry/logins.ts'
import { hasPushRight } from '../registry/pushRight.ts'

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
  const { insecure = false, insecureSkipTLSVerify = false } = mapping.registryTLS
  const { credentials } = await readLogins(deps.kube, namespace, mapping, parseImageReference(image))
  const { caFile } = deps.config.registry
  try {
    return await hasPushRight(image, {
      insecure,
      insecureSkipTLSVerify,
      credentials,
      addresses: deps.config.registry,
      ...(caFile === undefined ? {} : { ca: readAuthorities(caFile) }),
      signal: Context.current().cancellationSignal,
    })
  } catch (error) {
    if (error instanceof AuthoritiesError) return false
    throw error
  }
}
