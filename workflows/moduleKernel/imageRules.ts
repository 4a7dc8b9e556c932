import { uncoveredBy } from '../../api/architectures.ts'
import type { BuildPodView, KernelView } from '../../api/kernelView.ts'
import { imageClaimed } from '../../api/claim.ts'
import { kernelWords } from '../../api/names.ts'
import { inputHashes } from '../../api/viewBuildPods.ts'
import { buildKey, counts, isOf, isRecorded, nextAttempt } from './attempts.ts'
import { failed, interrupted, unbuildable, unverified, vanished } from './endedBuilds.ts'
import {
  answerFor,
  dueView,
  knownDigest,
  knownUnsigned,
  lastMadeView,
  sourceOf,
  unsignedQuestion,
} from './known.ts'
import {
  hold,
  lookOf,
  questionOf,
  remove,
  wayBack,
  type Hold,
  type KernelMemory,
  type KernelPlan,
} from './plan.ts'

/** Speaks with a plan, or is silent. */
type Rule = (view: KernelView, memory: KernelMemory) => Partial<KernelPlan> | undefined

/**
 * A rule about the image that is to be made next: before an image is signed, it is the unsigned one. Where that is built
 * here, whoever helps from outside pushes the image that is wanted in the end: that one is looked at.
 */
const due =
  (rule: Rule, choose = dueView): Rule =>
  (view, memory) => {
    const next = choose(view, memory)
    const plan = rule(next, memory)
    const { wish } = view
    if (wish.kind !== 'wanted' || plan?.holds === undefined) return plan
    if (isNamed(next))
      return next === view ? plan : { ...plan, holds: plan.holds.map((held) => orPush(held, wish.image)) }
    const holds = plan.holds.map((held) =>
      held.look.kind === 'image' ? { ...held, look: { ...held.look, image: wish.image } } : held,
    )
    return { ...plan, holds }
  }

/** Only the image that is to be signed is looked at. */
function orPush(held: Hold, image: string): Hold {
  return {
    ...held,
    unblock: `${held.unblock} Or push ${image} itself, signed, and send the signal \`retryBuild\`.`,
  }
}

/** Is this an image that nobody here builds? */
function isNamed({ wish }: KernelView): boolean {
  return wish.kind === 'wanted' && wish.build.kind === 'none'
}

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
 * unknown      ask the registry; of an image to be signed only when it is not built here
 * missing      the registry has no image: build or sign it, or say why that is impossible
 *
 * An image that is signed is made in two steps, each by the same rules; what is not `due` is about the signed one.
 */
const imageRules: readonly Rule[] = [
  unguarded,
  unwanted,
  invalid,
  superseded,
  verified,
  uncovered,
  due(active),
  due(interrupted, lastMadeView),
  due(failed),
  due(vanished, lastMadeView),
  due(unverified),
  cancelled,
  rivalled,
  unknown,
  due(uncovered),
  unknownUnsigned,
  due(missing),
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

function superseded(view: KernelView, memory: KernelMemory) {
  const { wish } = view
  // What is wanted in place of a build cannot be told while its inputs cannot.
  if (wish.kind !== 'wanted' || wish.build.kind === 'invalid') return undefined
  const hashes = inputHashes(wish)
  const unsigned = knownUnsigned(view, memory)
  const signsAnother = ({ source }: BuildPodView) =>
    source !== undefined && unsigned !== undefined && source !== sourceOf(unsigned)
  const isOther = (pod: BuildPodView) => !hashes.includes(pod.inputHash) || signsAnother(pod)
  const old = view.pods
    .filter((pod) => isOther(pod) || !counts(pod.attempt, view))
    .filter((pod) => pod.state !== 'succeeded' && pod.state !== 'lost')
  if (old.length === 0) return undefined
  return { steps: old.map((pod) => remove(pod, isOther(pod) ? 'superseded' : 'retried')) }
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

/** A tag that a build here puts its image under is believed by nobody: anybody may push there. */
function unknownUnsigned(view: KernelView, memory: KernelMemory) {
  const before = dueView(view, memory)
  return before !== view && isNamed(before) ? unknown(before, memory) : undefined
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
      const unsigned = knownUnsigned(view, memory)
      return {
        steps: [
          {
            kind: 'build' as const,
            key: buildKey(inputHash, attempt),
            ...questionOf(wish, view),
            inputHash,
            attempt,
            ...(unsigned && { unsigned: { ...unsignedQuestion(view), digest: unsigned.digest } }),
          },
        ],
      }
    }
  }
}
