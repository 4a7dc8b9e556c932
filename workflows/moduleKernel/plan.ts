import type {
  BuildTraces,
  HoldChanges,
  HoldRef,
  ImageAnswer,
  SecretVersions,
} from '../../activities/contract.ts'
import { dropUndefined } from '../../api/dropUndefined.ts'
import type { BuildPodView, KernelView } from '../../api/kernelView.ts'
import type { NodeWork } from '../../api/nodePlan.ts'

/** What this run has learnt since it began; everything else is read from the cluster each time. */
export interface KernelMemory {
  /** The registry's last answer about each image, with the question it belongs to. */
  readonly answers?: readonly (Question & ImageAnswer)[]
  readonly failure?: BuildFailure
  /** What this run has learnt and not yet written in status. */
  readonly interruption?: BuildInterruption
  /** The attempt this run has announced in status and whose pod has not ended yet. */
  readonly making?: { readonly inputHash: string; readonly attempt: number }
  /** Whether the Module has shown, before its last build, that it may push the wanted image. */
  readonly push?: { readonly image: string; readonly shown: boolean }
  /** What a person released (`Hold.releases`). */
  readonly released: readonly string[]
  /** Steps the cluster refused for good, by step key: each is a hold until released. */
  readonly refused: Readonly<Record<string, { readonly reason: string; readonly message: string }>>
}

/** What is asked about an image. What is built again is another question each time (`KernelView.rebuildFrom`). */
export interface Question {
  readonly image: string
  readonly generation: number | null
  readonly rebuildFrom?: number
}

/** The question about an image of a step, or of what is wanted in a view. */
export function questionOf(
  { image, generation }: Pick<Question, 'image' | 'generation'>,
  { rebuildFrom }: { readonly rebuildFrom?: number | undefined },
): Question {
  return dropUndefined({ image, generation, rebuildFrom })
}

/** A memory with one more answer, in place of an older one about the same image. */
export function withAnswer(memory: KernelMemory, answer: Question & ImageAnswer): KernelMemory {
  return { ...memory, answers: [...withoutAnswer(memory, answer.image).answers, answer] }
}

/** A memory that knows nothing of an image any more. */
export function withoutAnswer(memory: KernelMemory, image: string) {
  return { ...memory, answers: (memory.answers ?? []).filter((answer) => answer.image !== image) }
}

/** A memory that knows nothing of any image any more. */
export function withoutAnswers({ answers: _answers, ...memory }: KernelMemory): KernelMemory {
  return memory
}

/** A build, or signing, that ended without a usable image. */
export interface BuildFailure extends BuildTraces {
  readonly inputHash: string
  readonly attempt: number
  readonly pod: string
  readonly podUid: string
  readonly reason: string
  readonly message: string
  readonly errorLines: string
}

/** A build that the cluster ended; `at` (RFC 3339) is when this run noticed. */
export interface BuildInterruption extends BuildTraces {
  readonly inputHash: string
  readonly attempt: number
  readonly reason: string
  readonly message: string
  readonly at: string
}

/** Why a build pod is removed. */
export type RemovalCause =
  | 'superseded'
  | 'retried'
  | 'interrupted'
  | 'notNeeded'
  | 'moduleDeleted'
  /** The Module is deleted, its node does not answer, and a person forces the end. */
  | 'forced'

/** One piece of work. Steps with one `key` are the same piece: started once, cancelled when no longer planned. */
export type Step =
  | (Question & { readonly kind: 'check'; readonly key: string })
  | (Question & {
      readonly kind: 'build'
      readonly key: string
      readonly inputHash: string
      readonly attempt: number
      /** The image whose modules are signed, as it was asked for; absent when the image is built. */
      readonly unsigned?: Question & { readonly digest: string }
    })
  | (Question & { readonly kind: 'follow'; readonly key: string; readonly pod: BuildPodView })
  /** Nothing is done: another run does it, and the watcher rings when that has an end. */
  | { readonly kind: 'await'; readonly key: string; readonly reason: string; readonly message: string }
  | {
      readonly kind: 'remove'
      readonly key: string
      readonly pod: BuildPodView
      readonly cause: RemovalCause
    }
  /** The back-off before a build that the cluster ended is made again, for the `rerun`th time. */
  | {
      readonly kind: 'pause'
      readonly key: string
      readonly rerun: number
      readonly since: string
      readonly reason: string
    }
  | { readonly kind: 'collect'; readonly key: string; readonly pod: BuildPodView; readonly at: string }
  | { readonly kind: 'node'; readonly key: string; readonly work: NodeWork }

/** A wait on something a person must mend. `look` is what the run itself looks at meanwhile. */
export interface Hold {
  readonly key: string
  /** What a retry releases: one key per failed pod or node. */
  readonly releases: readonly string[]
  readonly reason: string
  readonly message: string
  /** What ends the hold, in words with commands. */
  readonly unblock: string
  readonly look:
    | { readonly kind: 'nothing' }
    | {
        readonly kind: 'image'
        readonly image: string
        readonly pod?: { readonly name: string; readonly uid: string }
        /** That the failed build was made with: another one ends the hold. */
        readonly secrets?: SecretVersions
        /** The image is to be built again: that it is there is no news. */
        readonly rebuild?: true
        /** What the image that is there is made for, when that is what is wrong with it. */
        readonly made?: readonly string[]
      }
}

export interface KernelPlan {
  readonly steps: readonly Step[]
  readonly holds: readonly Hold[]
  /** The build that a person cancelled: it needs no open run, and a retry releases it by this key. */
  readonly cancelled?: string
}

/** What a retry releases; nothing when nothing is held. */
export function releasesOf({ holds, cancelled }: KernelPlan): string[] {
  return [...holds.flatMap(({ releases }) => releases), ...(cancelled === undefined ? [] : [cancelled])]
}

/** What has begun and what has ended between two lists of holds. */
export function holdChanges(before: readonly HoldRef[], now: readonly HoldRef[]): HoldChanges {
  const without = (some: readonly HoldRef[], others: readonly HoldRef[]): HoldRef[] =>
    some
      .filter(({ key }) => others.every((other) => other.key !== key))
      .map(({ key, reason, message }) => ({ key, reason, message }))
  return { begun: without(now, before), ended: without(before, now) }
}

/** A hold nobody but people and events can end. */
export function hold(key: string, reason: string, message: string, unblock: string): Hold {
  return { key, releases: [key], reason, message, unblock, look: { kind: 'nothing' } }
}

/** What a hold of a rebuild says last: how to have the image that is there instead, which is asked for anew then. */
export const wayBack = 'To have the image that is there instead, change spec.imageRebuildTriggerGeneration.'

/** What a look at a hold needs to know of a rebuild that is asked for. */
export function lookOf({ rebuildFrom }: KernelView): { rebuild?: true } {
  return rebuildFrom === undefined ? {} : { rebuild: true }
}

/** One that is forced is another piece of work than an ordinary removal, which waits for the node. */
export function remove(pod: BuildPodView, cause: RemovalCause): Step {
  const key = `remove:${pod.uid}${cause === 'forced' ? ':forced' : ''}`
  return { kind: 'remove', key, pod, cause }
}
