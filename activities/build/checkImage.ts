import { Context } from '@temporalio/activity'
import { parseImageReference, withDigest } from '../../api/imageReference.ts'
import { resolveMapping } from '../../api/mapping.ts'
import { buildOrigin } from '../../api/buildOrigin.ts'
import { imageLabels } from '../../api/names.ts'
import { uncoveredBy } from '../../api/architectures.ts'
import { viewKernel } from '../../api/viewKernel.ts'
import type { CheckRequest, HoldNews, ImageAnswer, ImageFacts, KernelSubject, PodRef } from '../contract.ts'
import { viewSettings, type Dependencies } from '../dependencies.ts'
import { AuthoritiesError, readAuthorities } from '../registry/authorities.ts'
import { checkImage as askRegistry, type CheckOptions, type ImageCheck } from '../registry/checkImage.ts'
import { readLogins } from '../registry/logins.ts'
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
      return { kind: 'present', ...factsOf(deps, answer) }
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
  const { view } = viewKernel(deps.cache, subject.ref, subject.kernel, viewSettings(deps))
  if (answer.kind === 'present') {
    const facts = factsOf(deps, answer)
    const gap = uncoveredBy(image, facts.architectures, view.architectures)
    if (gap === undefined) return { kind: 'imagePresent', ...facts }
  }
  const what = pod === undefined ? '' : `pod ${pod.name} is still there, `
  const message = `still held: ${what}the registry says of ${image}: ${answer.kind}`
  return await waitBecause(deps, subject, undefined, { reason: 'StillHeld', message, delayMs: holdPaceMs })
}

/** What status keeps of an image. Where it was built counts only when that was in this cluster (images:KMI-7). */
function factsOf(
  { cache, cluster }: Dependencies,
  { digest, traits }: Extract<ImageCheck, { kind: 'present' }>,
): ImageFacts {
  const { architectures = [], labels = {} } = traits ?? {}
  const builder = labels[imageLabels.cluster] === cluster ? labels[imageLabels.buildNode] : undefined
  const builtOn = builder === undefined ? {} : { builtOn: buildOrigin(cache.nodes(), builder) }
  return { digest, architectures, ...builtOn }
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
  const { mapping } = resolved
  const { caFile } = deps.config.registry
  const logins = await readLogins(deps.kube, subject.ref.namespace, mapping, parseImageReference(image))
  const answer = await askWithAuthorities(image, caFile, {
    insecure: mapping.registryTLS.insecure ?? false,
    insecureSkipTLSVerify: mapping.registryTLS.insecureSkipTLSVerify ?? false,
    credentials: logins.credentials,
    mayPush: mapping.build !== undefined,
    traits: true,
    signal: Context.current().cancellationSignal,
  })
  if (answer.kind !== 'unauthorised') return { answer, field: mapping.fields.image }
  const message = `${answer.message}; ${logins.fix}. ${hiddenRepository}`
  return { answer: { kind: 'unauthorised', message }, field: mapping.fields.image }
}

/** Docker Hub, GHCR and others do not tell a stranger whether a repository is closed or not there. */
const hiddenRepository =
  'If the repository does not exist yet, create it: some registries say no more than this'

async function askWithAuthorities(
  image: string,
  caFile: string | undefined,
  options: CheckOptions,
): Promise<ImageCheck> {
  try {
    const ca = caFile === undefined ? {} : { ca: readAuthorities(caFile) }
    return await askRegistry(image, { ...options, ...ca })
  } catch (error) {
    if (!(error instanceof AuthoritiesError)) throw error
    return { kind: 'unreachable', message: error.message }
  }
}
