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

/**
 * Why a Secret of the build would keep its pod in ContainerCreating, or make it fail for a reason nobody finds in its
 * log (images:BLD-8 Better); undefined when all Secrets are as they should be. All faults stand in one message, the
 * reason is that of the first.
 */
export async function secretObstacle(
  mapping: ResolvedMapping,
  namespace: string,
  read: (name: string) => Promise<SecretLike | undefined>,
): Promise<Why | undefined> {
  const faults: Why[] = []
  const look = async (field: string, name: string, check?: (secret: SecretLike) => Why | undefined) => {
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
  for (const { name } of mapping.build?.secrets ?? []) await look('build.secrets', name)
  if (mapping.imageRepoSecret !== undefined) {
    const { name } = mapping.imageRepoSecret
    await look('imageRepoSecret', name, ({ data = {} }) => dockerConfigFault(data, mapping.image))
  }
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
