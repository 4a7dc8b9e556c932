import { parseImageReference } from '../../api/imageReference.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import { credentialsFor, CredentialsError } from '../registry/credentials.ts'
import type { Why } from '../waitSaying.ts'

/** What is looked at of a Secret; its values never leave this process. */
interface SecretLike {
  readonly data?: Readonly<Record<string, string>>
}

const nameText = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
/** The key that the executor reads a docker configuration from. */
export const dockerConfigKey = '.dockerconfigjson'

/** A Secret that a pod needs: where the Module names it, and what must be in it. */
interface NeededSecret {
  readonly field: string
  readonly name: string
  readonly check?: (secret: SecretLike) => Why | undefined
}

/** The Secrets of a build. */
export function buildSecrets(mapping: ResolvedMapping): NeededSecret[] {
  const named = (mapping.build?.secrets ?? []).map(({ name }) => ({ field: 'build.secrets', name }))
  return [...named, ...loginSecret(mapping)]
}

/** The Secrets of signing (images:SGN-4). */
export function signSecrets(mapping: ResolvedMapping): NeededSecret[] {
  const { sign } = mapping
  if (sign === undefined) return loginSecret(mapping)
  return [
    { field: 'sign.keySecret', name: sign.keySecret.name, check: holds('key', 'the private key as PEM') },
    { field: 'sign.certSecret', name: sign.certSecret.name, check: holds('cert', 'the certificate as PEM') },
    ...loginSecret(mapping),
  ]
}

function loginSecret({ imageRepoSecret, image }: ResolvedMapping): NeededSecret[] {
  if (imageRepoSecret === undefined) return []
  const check = ({ data = {} }: SecretLike) => dockerConfigFault(data, image)
  return [{ field: 'imageRepoSecret', name: imageRepoSecret.name, check }]
}

function holds(key: string, what: string): NonNullable<NeededSecret['check']> {
  return ({ data = {} }) =>
    data[key]
      ? undefined
      : { reason: 'SecretKeyMissing', message: `has no key ${key}, which is to hold ${what}.` }
}

/**
 * Why a Secret would keep a pod in ContainerCreating, or make it fail for a reason nobody finds in its log
 * (images:BLD-8 Better); undefined when all Secrets are as they should be. All faults stand in one message, the reason
 * is that of the first.
 */
export async function secretObstacle(
  needed: readonly NeededSecret[],
  namespace: string,
  read: (name: string) => Promise<SecretLike | undefined>,
): Promise<Why | undefined> {
  const faults: Why[] = []
  const look = async ({ field, name, check }: NeededSecret) => {
    const of = `${field}: Secret ${namespace}/${name}`
    const fault = (reason: string, message: string) => void faults.push({ reason, message })
    if (!nameText.test(name) || name.length > 253) {
      return fault('SecretNameInvalid', `${field}: "${name}" cannot be the name of a Secret.`)
    }
    const secret = await read(name)
    if (secret === undefined) return fault('SecretMissing', `${of} does not exist.`)
    const found = check?.(secret)
    if (found !== undefined) fault(found.reason, `${of} ${found.message}`)
  }
  for (const secret of needed) await look(secret)
  const [first] = faults
  return first && { reason: first.reason, message: faults.map(({ message }) => message).join(' ') }
}

/** `imageRepoSecret` must hold a docker configuration that can be read; what stands in it is the registry's to judge. */
function dockerConfigFault(data: Readonly<Record<string, string>>, image: string): Why | undefined {
  const value = data[dockerConfigKey]
  if (value === undefined) {
    const message = `has no key ${dockerConfigKey}; make it with kubectl create secret docker-registry.`
    return { reason: 'SecretKeyMissing', message }
  }
  try {
    credentialsFor({ [dockerConfigKey]: value }, parseImageReference(image))
    return undefined
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error
    return { reason: 'SecretInvalid', message: `cannot be used: ${error.message}.` }
  }
}
