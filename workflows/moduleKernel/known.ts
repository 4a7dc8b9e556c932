import type { ImageFacts } from '../../activities/contract.ts'
import { uncoveredBy } from '../../api/architectures.ts'
import { unsignedImageOf } from '../../api/buildInputs.ts'
import { dropUndefined } from '../../api/dropUndefined.ts'
import { isDigest, withDigest } from '../../api/imageReference.ts'
import type { KernelView, UnsignedWish } from '../../api/kernelView.ts'
import type { KernelStatus } from '../../api/module.ts'
import { questionOf, type KernelMemory, type Question } from './plan.ts'

/*
 * What a run knows of images: of the wanted one, and, where its modules are signed, of the unsigned one that comes
 * first. The rules about how an image is made look at one of the two, as if it were the wanted one.
 */

/** The registry's answer about the image that is wanted now. */
export function answerFor(
  { wish, rebuildFrom }: KernelView,
  { answers = [] }: KernelMemory,
): NonNullable<KernelMemory['answers']>[number] | undefined {
  if (wish.kind !== 'wanted') return undefined
  const { image, generation } = wish
  const isAsked = (of: Question) =>
    of.image === image && of.generation === generation && of.rebuildFrom === rebuildFrom
  return answers.find(isAsked)
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
): Pick<ImageFacts, 'builtOn' | 'sourceHash' | 'signHash'> {
  const digest = knownDigest(view, memory)
  if (digest === undefined) return {}
  const stored = view.stored?.digest === digest ? view.stored : undefined
  const answer = answerFor(view, memory)
  const said = answer?.kind === 'present' && answer.digest === digest ? answer : undefined
  return dropUndefined({
    builtOn: stored?.builtOn ?? said?.builtOn,
    sourceHash: stored?.sourceHash ?? said?.sourceHash,
    signHash: stored?.signHash ?? said?.signHash,
  })
}

/**
 * The image whose modules are signed, as status keeps it. What is built here is known from its build alone, never from
 * what a registry has under its tag: whoever may push there could have anything signed. What the Module names is asked
 * for anew for each pod that signs it. A rebuild that is asked for makes a new one, where it is built.
 */
export function knownUnsigned(view: KernelView, memory: KernelMemory): KernelStatus['unsigned'] {
  const before = unsignedView(view)
  if (before === undefined) return undefined
  const { wish, rebuildFrom, stored, pods } = before
  if (answerFor(before, memory) !== undefined) {
    const digest = knownDigest(before, memory)
    return digest === undefined ? undefined : dropUndefined({ image: wish.image, digest, rebuildFrom })
  }
  const kept = stored?.unsigned
  // Whoever may write status may have written anything.
  if (kept?.image !== wish.image || !isDigest(kept.digest)) return undefined
  const counts = rebuildFrom === undefined || kept.rebuildFrom === rebuildFrom
  const isSigned = pods.some(({ source }) => source === sourceOf(kept))
  return counts && (wish.build.kind !== 'none' || isSigned) ? kept : undefined
}

/** What the registry is asked about the image that is signed. Throws where nothing is. */
export function unsignedQuestion(view: KernelView): Question {
  const before = unsignedView(view)
  if (before === undefined) throw new Error('nothing is signed')
  return questionOf(before.wish, before)
}

/** The reference, by digest, of an image that is signed. */
export function sourceOf({ image, digest }: { readonly image: string; readonly digest: string }): string {
  return withDigest(image, digest)
}

/** What is to be made next: the unsigned image, as if it were wanted, as long as it is not known; else the wanted one. */
export function dueView(view: KernelView, memory: KernelMemory): KernelView {
  return knownUnsigned(view, memory) === undefined ? (unsignedView(view) ?? view) : view
}

/**
 * What was made last, of which interruptions count: an image that was being signed, too, although what it is made of has
 * to be asked for anew.
 */
export function lastMadeView(view: KernelView, memory: KernelMemory): KernelView {
  const { wish, stored } = view
  const last = memory.interruption?.inputHash ?? stored?.inputHash
  const wasSigned = wish.kind === 'wanted' && wish.build.kind === 'ready' && wish.build.inputHash === last
  return wasSigned ? view : dueView(view, memory)
}

/** Is the wanted image made by signing, and what is to be signed known? */
export function isSigning(view: KernelView, memory: KernelMemory): boolean {
  return knownUnsigned(view, memory) !== undefined
}

/** The unsigned image in place of the wanted one; undefined where nothing is signed, or it cannot be told. */
function unsignedView(view: KernelView) {
  const unsigned = unsignedWish(view)
  if (view.wish.kind !== 'wanted' || unsigned === undefined) return undefined
  const { digest: _digest, rival: _rival, rebuildFrom, stored: entry, ...rest } = view
  const { image, generation } = view.wish
  const wish = { kind: 'wanted' as const, generation, ...unsigned }
  const isItsBuild = unsigned.build.kind === 'ready' && entry?.inputHash === unsigned.build.inputHash
  const stored = entry && (entry.image === image || isItsBuild) ? { ...entry, image: unsigned.image } : entry
  // One that is not built here is the same after a rebuild.
  const isBuilt = unsigned.build.kind !== 'none'
  return { ...rest, wish, ...dropUndefined({ stored, rebuildFrom: isBuilt ? rebuildFrom : undefined }) }
}

/** While it cannot be told what is built, such as without the Dockerfile: what was built last. */
function unsignedWish({ wish, stored }: KernelView): UnsignedWish | undefined {
  if (wish.kind !== 'wanted' || wish.unsigned !== undefined)
    return wish.kind === 'wanted' ? wish.unsigned : undefined
  const { image, build, signs } = wish
  if (!signs || build.kind !== 'invalid' || stored?.image !== image) return undefined
  const isBuilding = stored.phase === 'Building' || stored.phase === 'BuildFailed'
  if (stored.unsigned !== undefined && !isBuilding) return { image: stored.unsigned.image, build }
  return stored.inputHash === undefined
    ? undefined
    : { image: unsignedImageOf(image, stored.inputHash), build }
}
