import { uncoveredBy } from '../../api/architectures.ts'
import type { BuildPodView, KernelView } from '../../api/kernelView.ts'
import { imageClaimed } from '../../api/claim.ts'
import { dropUndefined } from '../../api/dropUndefined.ts'
import { kernelWords } from '../../api/names.ts'
import { buildKey, isOf, isRecorded, nextAttempt, wantedHash } from './attempts.ts'
import { failed, interrupted, unbuildable, unverified, vanished } from './endedBuilds.ts'
import type { ImageFacts } from '../../activities/contract.ts'
import { hold, lookOf, questionOf, remove, wayBack, type KernelMemory, type KernelPlan } from './plan.ts'

/** Speaks with a plan, or is silent. */
type Rule = (view: KernelView, memory: KernelMemory) => Partial<KernelPlan> | undefined

/**
 * The image track: the first rule that speaks decides.
 *
 * unguarded    nothing is created before the finalizer is on the Module
 * unwanted     nobody needs the image: stop what runs; on deletion remove what is left
 * invalid      the Module cannot be resolved for this kernel: say so
 * superseded   a pod of other inputs goes before the next is made
 * verified     the digest is known: nothing to do
 * uncovered    there is an image, but not for all target nodes: say so, never build over it
 * active       a pod of these inputs runs, or ended unread: follow it
 * interrupted  the cluster ended the last build: make it again after a pause, a few times
 * failed       a failed pod is kept until it is deleted, retried or superseded
 * vanished     a failed pod that went with its Node keeps its hold
 * unverified   a build ended well, but the registry does not have its image
 * rivalled     another run builds the image, or has built it from other inputs
 * unknown      ask the registry
 * missing      the registry has no image: build it, or say why that is impossible
 */
const imageRules: readonly Rule[] = [
  unguarded,
  unwanted,
  invalid,
  superseded,
  verified,
  uncovered,
  active,
  interrupted,
  failed,
  vanished,
  unverified,
  cancelled,
  rivalled,
  unknown,
  missing,
]

/** What to do about the image: the first rule that speaks decides. */
export function planImage(view: KernelView, memory: KernelMemory): Partial<KernelPlan> {
  for (const rule of imageRules) {
    const result = rule(view, memory)
    if (result !== undefined) return result
  }
  return {}
}

function unguarded(view: KernelView) {
  return view.module === 'unguarded' || view.module === 'unreadable' ? {} : undefined
}

function unwanted(view: KernelView) {
  if (view.wish.kind !== 'none') return undefined
  const leaving = view.module === 'deleting' || view.module === 'gone'
  const pods = view.pods.filter((pod) => leaving || pod.state === 'active')
  const cause = leaving ? 'moduleDeleted' : 'notNeeded'
  const isForced = (pod: BuildPodView) => view.forced === true && pod.state === 'lost'
  return { steps: pods.map((pod) => remove(pod, isForced(pod) ? 'forced' : cause)) }
}

function invalid(view: KernelView) {
  if (view.wish.kind !== 'invalid') return undefined
  const { reason, field, message } = view.wish
  return {
    holds: [hold(`invalid:${reason}:${message}`, reason, message, `Change ${field} of the Module.`)],
  }
}

function superseded(view: KernelView) {
  const { wish } = view
  // What is wanted in place of a build cannot be told while its inputs cannot.
  if (wish.kind !== 'wanted' || wish.build.kind === 'invalid') return undefined
  const old = view.pods.filter((pod) => !isOf(pod, view) && pod.state !== 'succeeded' && pod.state !== 'lost')
  if (old.length === 0) return undefined
  const hash = wantedHash(view)
  return { steps: old.map((pod) => remove(pod, pod.inputHash === hash ? 'retried' : 'superseded')) }
}

function verified(view: KernelView, memory: KernelMemory) {
  return knownDigest(view, memory) === undefined ? undefined : {}
}

function uncovered(view: KernelView, memory: KernelMemory) {
  const answer = answerFor(view, memory)
  if (answer?.kind !== 'present') return undefined
  const { image, architectures } = answer
  const gap = uncoveredBy(image, architectures, view.architectures)
  if (gap === undefined) return undefined
  const key = `uncovered:${image}:${architectures.join()}`
  const look = { kind: 'image' as const, image, made: architectures }
  return { holds: [{ ...hold(key, gap.reason, gap.message, gap.unblock), look }] }
}

function active(view: KernelView, memory: KernelMemory) {
  const wish = view.wish
  if (wish.kind !== 'wanted') return undefined
  const pod = view.pods.find((p) => isOf(p, view) && !isRecorded(p, view, memory))
  if (pod === undefined) return undefined
  const key = buildKey(pod.inputHash, pod.attempt)
  return { steps: [{ kind: 'follow' as const, key, ...questionOf(wish, view), pod }] }
}

function cancelled(view: KernelView, memory: KernelMemory) {
  const wish = view.wish
  if (wish.kind !== 'wanted' || wish.build.kind !== 'ready') return undefined
  const stored = view.stored
  if (stored?.phase !== 'Cancelled' || stored.inputHash !== wish.build.inputHash) return undefined
  const key = `cancelled:${wish.build.inputHash}:${stored.attempt ?? 0}`
  return memory.released.includes(key) ? undefined : { cancelled: key }
}

/** Same inputs: the other's image will do. Other inputs: one of them must change, or a person takes it as it is. */
function rivalled(view: KernelView, memory: KernelMemory) {
  const { wish, rival } = view
  if (rival === undefined || wish.kind !== 'wanted' || wish.build.kind !== 'ready') return undefined
  const { image } = wish
  const who = kernelWords(rival)
  if (rival.inputs === 'same') {
    const by = `${who} in pod ${rival.pod}`
    const key = `await:${rival.pod}:${image}`
    return {
      steps: [{ kind: 'await' as const, key, reason: 'ImageClaimed', message: imageClaimed(image, by) }],
    }
  }
  const key = `contested:${wish.build.inputHash}`
  const rebuilds = view.rebuildFrom !== undefined
  if (memory.released.includes(key) && !rebuilds) return undefined
  const message = `Image ${image} is built for ${who} too, from other inputs; one reference cannot be both.`
  const unblock =
    'Change containerImage of one of them, such as a tag with ${KERNEL_FULL_VERSION}, or make their build sections ' +
    `and Dockerfiles the same. ${rebuilds ? `${wayBack} Then the` : 'The'} signal \`retryBuild\` takes the image as it is.`
  const held = hold(key, 'ImageContested', message, unblock)
  return { holds: [rebuilds ? { ...held, releases: [] } : held] }
}

function unknown(view: KernelView, memory: KernelMemory) {
  const wish = view.wish
  if (wish.kind !== 'wanted' || answerFor(view, memory) !== undefined) return undefined
  // That the image is there is no reason not to build it.
  if (view.rebuildFrom !== undefined) return undefined
  const { image, generation } = wish
  // A changed Module may have mended why the registry does not answer: it is asked again at once.
  const key = `check:${image}:${generation}:${view.generation}`
  return { steps: [{ kind: 'check' as const, key, image, generation }] }
}

function missing(view: KernelView, memory: KernelMemory) {
  const wish = view.wish
  if (wish.kind !== 'wanted') return undefined
  const { image, build } = wish
  switch (build.kind) {
    case 'none': {
      const message = `Image ${image} does not exist and the mapping has no build section.`
      const unblock = 'Push the image, or add spec.moduleLoader.container.kernelMappings[].build.'
      return {
        holds: [
          {
            ...hold(`missing:${image}`, 'ImageMissing', message, unblock),
            look: { kind: 'image' as const, image },
          },
        ],
      }
    }
    case 'invalid': {
      // No build makes an image for several architectures, so one that is there for all of them will do.
      const awaited = build.reason === 'MixedArchitectures' ? {} : lookOf(view)
      const look = { kind: 'image' as const, image, ...awaited }
      return { holds: unbuildable(view).map((held) => ({ ...held, look })) }
    }
    case 'ready': {
      const { inputHash } = build
      const attempt = nextAttempt(view, memory, inputHash)
      return {
        steps: [
          {
            kind: 'build' as const,
            key: buildKey(inputHash, attempt),
            ...questionOf(wish, view),
            inputHash,
            attempt,
          },
        ],
      }
    }
  }
}

/** The registry's answer about the image that is wanted now. */
export function answerFor(view: KernelView, memory: KernelMemory): KernelMemory['answer'] {
  const wish = view.wish
  const answer = memory.answer
  if (wish.kind !== 'wanted' || answer === undefined) return undefined
  const same = answer.image === wish.image && answer.generation === wish.generation
  return same && answer.rebuildFrom === view.rebuildFrom ? answer : undefined
}

/** The wanted image, good for all target nodes: from status, or from an answer that is not written yet. */
export function knownImage(view: KernelView, memory: KernelMemory): ImageFacts | undefined {
  const { digest, stored } = view
  if (digest !== undefined) return { digest, architectures: stored?.architectures ?? [] }
  const answer = answerFor(view, memory)
  if (answer?.kind !== 'present') return undefined
  return uncoveredBy(answer.image, answer.architectures, view.architectures) === undefined
    ? answer
    : undefined
}

/** Its digest. */
export function knownDigest(view: KernelView, memory: KernelMemory): string | undefined {
  return knownImage(view, memory)?.digest
}

/** What the labels of the image of the known digest say: learnt with the digest, or in status with it. */
export function knownLabels(
  view: KernelView,
  memory: KernelMemory,
): Pick<ImageFacts, 'builtOn' | 'sourceHash'> {
  const digest = knownDigest(view, memory)
  if (digest === undefined) return {}
  const stored = view.stored?.digest === digest ? view.stored : undefined
  const answer = answerFor(view, memory)
  const said = answer?.kind === 'present' && answer.digest === digest ? answer : undefined
  return dropUndefined({
    builtOn: stored?.builtOn ?? said?.builtOn,
    sourceHash: stored?.sourceHash ?? said?.sourceHash,
  })
}
