import { Context } from '@temporalio/activity'
import { parseImageReference, withDigest } from '../../api/imageReference.ts'
import { resolveMapping } from '../../api/mapping.ts'
import type { CheckRequest, HoldNews, ImageAnswer, KernelSubject, PodRef } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { secrets } from '../kube/resources.ts'
import { checkImage as askRegistry, type ImageCheck } from '../registry/checkImage.ts'
import { credentialsFor, CredentialsError, type Credentials } from '../registry/credentials.ts'
import { moduleOf, waitBecause } from '../status.ts'

/** Why the registry has not answered the question; each is waited out, never built around (images:IMG-6 Better). */
const reasons = {
  unauthorised: 'RegistryUnauthorized',
  unreachable: 'RegistryUnreachable',
  rateLimited: 'RegistryRateLimited',
  invalid: 'ImageReferenceInvalid',
} as const

/**
 * Asks the registry for an image until it answers present or absent. While it does not, the reason stands in status
 * and Temporal tries again. With `digest` the question is whether that very manifest is there.
 */
export async function checkImage(deps: Dependencies, request: CheckRequest): Promise<ImageAnswer> {
  const { subject, image, digest, entry } = request
  const { answer, field } = await ask(deps, subject, digest === undefined ? image : withDigest(image, digest))
  switch (answer.kind) {
    case 'present':
      return { kind: 'present', digest: answer.digest }
    case 'absent':
      return { kind: 'absent' }
    default: {
      const message = `${field}: ${answer.message}. It is tried again until the registry answers.`
      const pace = answer.kind === 'rateLimited' ? answer.retryAfterMs : undefined
      const delay = pace === undefined ? {} : { delayMs: pace }
      return await waitBecause(deps, subject, entry, { reason: reasons[answer.kind], message, ...delay })
    }
  }
}

/** How often a hold is looked at from our side; the watcher rings at once when the pod changes. */
const holdPaceMs = 5 * 60_000

/**
 * One look at a hold: is the pod gone, is the image there by other means? Otherwise fails as benign, so that
 * Temporal looks again later: a hold costs six events however long it lasts.
 */
export async function watchHold(
  deps: Dependencies,
  request: { subject: KernelSubject; image: string; pod: PodRef | undefined },
): Promise<HoldNews> {
  const { subject, image, pod } = request
  if (pod !== undefined) {
    const facts = deps.cache.pods(subject.ref).find((p) => p.uid === pod.uid)
    if (facts === undefined) return { kind: 'podGone' }
  }
  const { answer } = await ask(deps, subject, image)
  if (answer.kind === 'present') return { kind: 'imagePresent', digest: answer.digest }
  const what = pod === undefined ? '' : `pod ${pod.name} is still there, `
  const message = `still held: ${what}the registry says of ${image}: ${answer.kind}`
  return await waitBecause(deps, subject, undefined, { reason: 'StillHeld', message, delayMs: holdPaceMs })
}

/** The registry's answer, and the field of the Module that names the image. */
async function ask(
  deps: Dependencies,
  subject: KernelSubject,
  image: string,
): Promise<{ readonly answer: ImageCheck; readonly field: string }> {
  const module = moduleOf(deps, subject)
  const resolved = resolveMapping(module, subject.kernel)
  if (resolved.kind !== 'mapped') {
    const answer = { kind: 'invalid', message: 'no kernel mapping matches any more' } as const
    return { answer, field: 'spec.moduleLoader.container.kernelMappings' }
  }
  const { registryTLS, imageRepoSecret, fields } = resolved.mapping
  const field = fields.image
  const found = await readCredentials(deps, subject.ref.namespace, imageRepoSecret?.name, image)
  const answer = await askRegistry(image, {
    insecure: registryTLS.insecure ?? false,
    insecureSkipTLSVerify: registryTLS.insecureSkipTLSVerify ?? false,
    ...(found.credentials === undefined ? {} : { credentials: found.credentials }),
    signal: Context.current().cancellationSignal,
  })
  if (answer.kind !== 'unauthorised' || found.fault === undefined) return { answer, field }
  return { answer: { kind: 'unauthorised', message: `${answer.message}; ${found.fault}` }, field }
}

/** Credentials of `imageRepoSecret` for this registry, or why there are none; they stay in this process. */
async function readCredentials(
  deps: Dependencies,
  namespace: string,
  name: string | undefined,
  image: string,
): Promise<{ readonly credentials?: Credentials; readonly fault?: string }> {
  if (name === undefined || name === '') return { fault: 'the Module has no imageRepoSecret' }
  const secret = await deps.kube.get(secrets, { namespace, name })
  if (secret === undefined) return { fault: `imageRepoSecret: Secret ${namespace}/${name} does not exist` }
  try {
    const credentials = credentialsFor(secret.data ?? {}, parseImageReference(image))
    const registry = parseImageReference(image).registry
    return credentials === undefined
      ? { fault: `imageRepoSecret: Secret ${namespace}/${name} has nothing for ${registry}` }
      : { credentials }
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error
    return { fault: `imageRepoSecret: Secret ${namespace}/${name}: ${error.message}` }
  }
}
