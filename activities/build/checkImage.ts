import { Context } from '@temporalio/activity'
import { uncoveredBy } from '../../api/architectures.ts'
import { buildOrigin } from '../../api/buildOrigin.ts'
import { dropUndefined } from '../../api/dropUndefined.ts'
import { withDigest } from '../../api/imageReference.ts'
import { imageLabels } from '../../api/names.ts'
import { isNodeName } from '../../api/nodeForm.ts'
import { viewKernel } from '../../api/viewKernel.ts'
import type {
  CheckRequest,
  HoldNews,
  ImageAnswer,
  ImageFacts,
  KernelSubject,
  PodRef,
  SecretVersions,
} from '../contract.ts'
import { viewSettings, type Dependencies } from '../dependencies.ts'
import type { ImageCheck } from '../registry/checkImage.ts'
import { waitBecause } from '../status.ts'
import { askForImage, type Answer } from './askForImage.ts'
import { changedSecret } from './secretVersions.ts'

/** Why the registry has not answered the question; each is waited out, never built around (images:IMG-6 Better). */
const reasons = {
  unauthorised: 'RegistryUnauthorized',
  unreachable: 'RegistryUnreachable',
  rateLimited: 'RegistryRateLimited',
  invalid: 'ImageReferenceInvalid',
  unfit: 'ArchitectureMissing',
  pulling: 'ImageBeingPulled',
} as const

/** A node that pulls is looked at again soon: the attempt itself waits for it. */
const pullPaceMs = 1_000

/**
 * Asks the registry for an image until it answers present or absent. While it does not, the reason stands in status
 * and Temporal tries again. With `digest` the question is whether that very manifest is there.
 */
export async function checkImage(deps: Dependencies, request: CheckRequest): Promise<ImageAnswer> {
  const { subject, image, digest, entry } = request
  const reference = digest === undefined ? image : withDigest(image, digest)
  const { answer, field } = await askForImage(deps, subject, reference)
  switch (answer.kind) {
    case 'present':
      return { kind: 'present', ...factsOf(deps, answer) }
    case 'absent':
      return { kind: 'absent' }
    default: {
      const message = `${field}: ${answer.message}. It is tried again until the registry answers.`
      const pace = paceOf(answer)
      const delay = pace === undefined ? {} : { delayMs: pace }
      return await waitBecause(deps, subject, entry, { reason: reasons[answer.kind], message, ...delay })
    }
  }
}

/** Milliseconds until the next attempt, where the policy's pace is not the right one. */
function paceOf(answer: Answer): number | undefined {
  if (answer.kind === 'pulling') return pullPaceMs
  return answer.kind === 'rateLimited' ? answer.retryAfterMs : undefined
}

/** How often a hold is looked at from our side; the watcher rings at once when the pod changes. */
const holdPaceMs = { registry: 5 * 60_000, node: 15 * 60_000 } as const
/** The first pause between two looks at a failed build: whoever mends a Secret often does so soon. It grows. */
const firstHoldPaceMs = 15_000

/**
 * One look at a hold: is the pod gone, is a Secret of its build another one now, is the image there by other means?
 * Otherwise fails as benign, so that Temporal looks again later: a hold costs six events however long it lasts.
 */
export async function watchHold(
  deps: Dependencies,
  request: {
    subject: KernelSubject
    image: string
    pod: PodRef | undefined
    secrets?: SecretVersions
    made?: readonly string[]
    rebuild?: true
  },
): Promise<HoldNews> {
  const { subject, image, pod, secrets, made, rebuild } = request
  if (pod !== undefined && !deps.cache.pods(subject.ref).some(({ uid }) => uid === pod.uid)) {
    return { kind: 'podGone' }
  }
  const { namespace } = subject.ref
  const secret = await changedSecret(deps.kube, namespace, secrets)
  if (secret !== undefined) return { kind: 'secretChanged', secret: `${namespace}/${secret}` }
  if (rebuild) {
    const message = `still held: ${image} is to be built again`
    const delayMs = paceOfHold('registry', pod ?? secrets)
    return await waitBecause(deps, subject, undefined, { reason: 'StillHeld', message, delayMs })
  }
  const { answer, by } = await askForImage(deps, subject, image)
  const { view } = viewKernel(deps.cache, subject.ref, subject.kernel, viewSettings(deps))
  if (answer.kind === 'present') {
    const facts = factsOf(deps, answer)
    const known = made !== undefined && made.join() === facts.architectures.join()
    const gap = uncoveredBy(image, facts.architectures, view.architectures)
    if (gap === undefined || !known) return { kind: 'imagePresent', ...facts }
  }
  const what = pod === undefined ? '' : `pod ${pod.name} is still there, `
  const message = `still held: ${what}the registry says of ${image}: ${answer.kind}`
  const delayMs =
    answer.kind === 'pulling' ? pullPaceMs : Math.max(paceOfHold(by, pod ?? secrets), paceOf(answer) ?? 0)
  return await waitBecause(deps, subject, undefined, { reason: 'StillHeld', message, delayMs })
}

/** `build`: what the hold knows of a failed build, if it is one. */
function paceOfHold(by: keyof typeof holdPaceMs, build: object | undefined): number {
  const { attempt } = Context.current().info
  const growing = firstHoldPaceMs * 2 ** (attempt - 1)
  return build === undefined || by === 'node' ? holdPaceMs[by] : Math.min(growing, holdPaceMs[by])
}

/** What status keeps of an image. Where it was built counts only when that was in this cluster (images:KMI-7). */
function factsOf(
  { cache, cluster }: Dependencies,
  { digest, traits }: Extract<ImageCheck, { kind: 'present' }>,
): ImageFacts {
  const { architectures = [], labels = {} } = traits ?? {}
  const builder = labels[imageLabels.cluster] === cluster ? labels[imageLabels.buildNode] : undefined
  const builtOn =
    builder === undefined || !isNodeName(builder) ? {} : { builtOn: buildOrigin(cache.nodes(), builder) }
  // Anybody may have made the image: what is no hash says nothing, and is kept nowhere.
  const hashOf = (said = '') => (/^[0-9a-f]{64}$/.test(said) ? said : undefined)
  const hashes = {
    sourceHash: hashOf(labels[imageLabels.sourceHash]),
    signHash: hashOf(labels[imageLabels.signHash]),
  }
  return { digest, architectures, ...builtOn, ...dropUndefined(hashes) }
}
