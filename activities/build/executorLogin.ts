import { parseImageReference } from '../../api/imageReference.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import type { Kube } from '../kube/kube.ts'
import { secrets, type Secret } from '../kube/resources.ts'
import { credentialsFor, CredentialsError } from '../registry/credentials.ts'
import { pullSecretNames } from '../registry/logins.ts'
import type { Why } from '../waitSaying.ts'
import { dockerConfigKey } from './secretObstacle.ts'
import { versionOf } from './secretVersions.ts'

/** Whose docker configuration the executor gets: by name, with its version. */
export type ExecutorLogin =
  | { readonly kind: 'none' }
  | { readonly kind: 'secret'; readonly name: string; readonly version?: string }
  /** There is a login, which the executor cannot use. */
  | ({ readonly kind: 'unfit' } & Why)

/**
 * The login of the build is that of the image check: the Secret of `imageRepoSecret` alone when there is one, else
 * the first pull secret of the service account of the worker pods that has a login for the image's registry. So a
 * push is not refused for want of a login where the check was let in.
 */
export async function executorLogin(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  mapping: Pick<ResolvedMapping, 'image' | 'imageRepoSecret' | 'serviceAccountName'>,
): Promise<ExecutorLogin> {
  const { image, imageRepoSecret, serviceAccountName } = mapping
  if (imageRepoSecret !== undefined) return { kind: 'secret', name: imageRepoSecret.name }
  const names = (await pullSecretNames(kube, namespace, serviceAccountName)) ?? []
  const found = await Promise.all(names.map(async (name) => await kube.get(secrets, { namespace, name })))
  const logins = found.flatMap((secret) => (secret !== undefined && hasLogin(secret, image) ? [secret] : []))
  const fit = logins.find(({ data }) => data?.[dockerConfigKey] !== undefined)
  if (fit !== undefined) return { kind: 'secret', name: fit.metadata.name, version: versionOf(fit) }
  const [unfit] = logins
  if (unfit === undefined) return { kind: 'none' }
  const message =
    `The build would push without a login: pull secret ${namespace}/${unfit.metadata.name} of ServiceAccount ` +
    `${namespace}/${serviceAccountName} has no key ${dockerConfigKey}, which the build executor reads. Make it anew ` +
    'with kubectl create secret docker-registry, or name such a Secret in spec.imageRepoSecret.'
  return { kind: 'unfit', reason: 'SecretKeyMissing', message }
}

/** A Secret that cannot be read is no login; the image check tells of it. */
function hasLogin({ data = {} }: Secret, image: string): boolean {
  try {
    return credentialsFor(data, parseImageReference(image)).length > 0
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error
    return false
  }
}
