import type { ImageReference } from '../../api/imageReference.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import type { Kube } from '../kube/kube.ts'
import { secrets, serviceAccounts } from '../kube/resources.ts'
import { credentialsFor, CredentialsError, type Credentials } from './credentials.ts'

/** Logins of a Module for one registry; they stay in this process. */
export interface Logins {
  /** In the order in which they are tried, at most 16. */
  readonly credentials: readonly Credentials[]
  /** What a person can do when the registry refuses all of them, or the lack of any. */
  readonly fix: string
}

/** Logins that are tried at one registry. */
const mostLogins = 16

type Source = Pick<ResolvedMapping, 'imageRepoSecret' | 'serviceAccountName'>

/**
 * Reads the logins that a pod of the Module has, too (images:IMG-10 Better): those in the Secret of `imageRepoSecret`
 * alone when there is one, else those in the pull secrets of the service account of its worker pods. What cannot be
 * read is told in `fix`.
 */
export async function readLogins(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  source: Source,
  image: Pick<ImageReference, 'registry' | 'repository'>,
): Promise<Logins> {
  const { imageRepoSecret, serviceAccountName } = source
  if (imageRepoSecret !== undefined) {
    const { credentials, fault } = await readSecret(kube, namespace, imageRepoSecret.name, image)
    return { credentials: credentials.slice(0, mostLogins), fix: `mend spec.imageRepoSecret: ${fault}` }
  }
  const at = `ServiceAccount ${namespace}/${serviceAccountName}`
  const listed = await pullSecretNames(kube, namespace, serviceAccountName)
  const names = listed ?? []
  const found = await Promise.all(names.map(async (name) => await readSecret(kube, namespace, name, image)))
  const faults = [
    ...(listed === undefined ? [`${at} does not exist`] : []),
    ...(listed?.length === 0 ? [`${at} has no imagePullSecrets`] : []),
    ...found.map(({ fault }) => fault),
  ]
  const fix = `give a login for ${image.registry} in spec.imageRepoSecret (${faults.join('; ')})`
  const credentials = found.flatMap((secret) => secret.credentials).slice(0, mostLogins)
  return { credentials, fix }
}

/** Names of the pull secrets of a service account, in its order; undefined when there is no such account. */
export async function pullSecretNames(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  serviceAccountName: string,
): Promise<readonly string[] | undefined> {
  const account = await kube.get(serviceAccounts, { namespace, name: serviceAccountName })
  return account && (account.imagePullSecrets ?? []).flatMap(({ name }) => name ?? [])
}

/**
 * The Secrets by which a node pulls images for a pod of a Module: its `imageRepoSecret`, else those of its service
 * account, which the API server adds only to a pod that names none; and `more`.
 */
export async function nodePullSecrets(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  {
    imageRepoSecret,
    serviceAccountName,
  }: {
    readonly imageRepoSecret?: { readonly name: string } | undefined
    readonly serviceAccountName: string
  },
  more: readonly string[],
): Promise<readonly string[]> {
  const own =
    imageRepoSecret === undefined
      ? ((await pullSecretNames(kube, namespace, serviceAccountName)) ?? [])
      : [imageRepoSecret.name]
  return [...new Set([...own, ...more])]
}

async function readSecret(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  name: string,
  image: Pick<ImageReference, 'registry' | 'repository'>,
): Promise<{ readonly credentials: readonly Credentials[]; readonly fault: string }> {
  const at = `Secret ${namespace}/${name}`
  const secret = await kube.get(secrets, { namespace, name })
  if (secret === undefined) return { credentials: [], fault: `${at} does not exist` }
  try {
    const credentials = credentialsFor(secret.data ?? {}, image)
    const what = credentials.length === 0 ? 'has nothing for' : 'holds a login that is refused by'
    return { credentials, fault: `${at} ${what} ${image.registry}` }
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error
    return { credentials: [], fault: `${at}: ${error.message}` }
  }
}
