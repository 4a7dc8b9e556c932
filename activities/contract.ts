import type { KernelView } from '../api/kernelView.ts'
import type { BuildOrigin, KernelStatus } from '../api/module.ts'
import type { ModuleRef } from '../api/names.ts'
import type { NodeWork } from '../api/nodePlan.ts'

/** Whom a run is about. Activities refuse a Module of another uid. */
export interface ModuleSubject {
  readonly ref: ModuleRef
  readonly uid: string
}
export interface KernelSubject extends ModuleSubject {
  readonly kernel: string
}

/**
 * Newest resourceVersion a run has heard of, by kind: a reading activity waits until its own cache is as new.
 */
export type Seen = Readonly<Record<string, string>>

/** Whom a request is about, and how new the cache must be of the process that answers: there may be several. */
export interface KernelRequest {
  readonly subject: KernelSubject
  readonly seen: Seen
}

/** Where a build pod is. */
export interface PodRef {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** A wait on something a person must mend; one key is one hold. */
export interface HoldRef {
  readonly key: string
  readonly reason: string
  readonly message: string
}

/** `by`: who or what ended it, in words, when that is known. */
export interface EndedHold extends HoldRef {
  readonly by?: string | undefined
}

/** Holds of a run that have begun and ended since it last looked. */
export interface HoldChanges {
  readonly begun: readonly HoldRef[]
  readonly ended: readonly EndedHold[]
}

export interface BuildRequest extends KernelRequest {
  /** Build the image though it may be there. */
  readonly rebuild?: true
  readonly image: string
  readonly inputHash: string
  readonly attempt: number
  /** The image, by digest, whose modules are signed; absent when the image is built. */
  readonly source?: string
  /** The entry as the run would write it; the activity writes it with its own reason while it has to wait. */
  readonly entry: KernelStatus | undefined
}

export interface CheckRequest extends KernelRequest {
  readonly image: string
  /** Ask for this digest rather than for the tag: is what a build says it pushed really there? */
  readonly digest?: string
  readonly entry: KernelStatus | undefined
}

/** What a registry has under a reference. */
export interface ImageFacts {
  readonly digest: string
  /** Which the image is made for, as Kubernetes names them; none when it does not say. */
  readonly architectures: readonly string[]
  /** As the image's labels say; absent when it was not built in this cluster. */
  readonly builtOn?: BuildOrigin
  /** What its label says that it was built from (images:MIC-11 Better); absent when it has none. */
  readonly sourceHash?: string
  /** What its label says how it was signed (images:MIC-6 Better); absent when it has none. */
  readonly signHash?: string
}

export type ImageAnswer = ({ readonly kind: 'present' } & ImageFacts) | { readonly kind: 'absent' }

export type BuildStart =
  | {
      readonly kind: 'created'
      readonly pod: PodRef
      readonly seen: Seen
      /** The Module has shown that it may push the image; absent in histories of former releases. */
      readonly mayPush?: boolean
    }
  /** The registry has lost the image that is to be signed. */
  | { readonly kind: 'sourceGone' }
  /** Somebody else has built the image meanwhile. */
  | ({ readonly kind: 'present' } & ImageFacts)
  /** The inputs are not (any more) those asked for: read again. */
  | { readonly kind: 'obsolete'; readonly why: string }

/** A Node, told from a later one of the same name. */
export interface NodeRef {
  readonly name: string
  readonly uid: string
}

/**
 * Which Secrets a build was made with, by name: uid and resourceVersion, never contents or a hash of them (design:
 * "Inputs have a hash").
 */
export type SecretVersions = Readonly<Record<string, string>>

/** What is known of a build that left no image, and outlives its pod. */
export interface BuildTraces {
  /** Where it ran. */
  readonly node?: NodeRef
  readonly secrets?: SecretVersions
}

/**
 * How a pod that builds or signs ended. `log` is its tail, at most 64 KiB, secrets masked; `errorLines` at most 2 KiB
 * of it.
 */
export type BuildOutcome =
  | { readonly kind: 'succeeded'; readonly digest: string | undefined; readonly log: string }
  | ({
      readonly kind: 'failed'
      readonly reason: string
      readonly message: string
      readonly errorLines: string
      readonly log: string
    } & BuildTraces)
  /** The cluster ended the pod before the build came to an end of its own. */
  | ({
      readonly kind: 'interrupted'
      readonly reason: string
      readonly message: string
      readonly log: string
    } & BuildTraces)
  /** The pod is gone without an end that anybody saw. */
  | { readonly kind: 'gone' }

export interface FollowRequest extends KernelRequest {
  /** What the pod builds. */
  readonly image: string
  readonly pod: PodRef
  readonly entry: KernelStatus | undefined
}

export interface NodeRequest extends KernelRequest {
  readonly work: NodeWork
  /** How often people have retried in this run; absent before they have. What fails after a retry is news again. */
  readonly retries?: number
  readonly entry: KernelStatus | undefined
}

export type NodeOutcome = {
  readonly kind: 'done' | 'obsolete' | 'failed'
  readonly message: string
  readonly seen: Seen
}

export type HoldNews =
  | { readonly kind: 'podGone' }
  /** A Secret that the build uses is another than the failed build had. */
  | { readonly kind: 'secretChanged'; readonly secret: string }
  /** It is there, for all target nodes or for others than the hold knows. */
  | ({ readonly kind: 'imagePresent' } & ImageFacts)

/** Why a build is stopped: other inputs, a person, no node that needs it, or the end of its Module. */
export type StopCause = 'superseded' | 'cancelled' | 'notNeeded' | 'moduleDeleted'

/** What a kernel run does to the world. Every one may run twice. */
export interface KernelActivities {
  /** Reads the truth about one (Module, kernel) from the caches. */
  readKernel(request: KernelRequest): Promise<{ uid: string | undefined; view: KernelView }>
  /**
   * Writes the kernel's entry in the Module's status; without an entry, takes it away. Tells what the run has begun and
   * ceased to wait for.
   */
  reportKernel(
    request: KernelRequest & { entry: KernelStatus | undefined; holds?: HoldChanges },
  ): Promise<{ seen: Seen }>
  /** Asks the registry until it answers; while it does not, says so in status. */
  checkImage(request: CheckRequest): Promise<ImageAnswer>
  /**
   * Claims the image and creates the pod that builds or signs it, or finds it created; while another run has the claim,
   * or the cluster refuses the pod, says so in status.
   */
  createBuildPod(request: BuildRequest): Promise<BuildStart>
  /** Waits for the end of a build pod, heartbeating its last log line, and gives the claim up. */
  followBuildPod(request: FollowRequest): Promise<BuildOutcome>
  /**
   * Deletes a build pod (this uid only), waits until it is gone, and gives the claim on its image up. `stopped`: whose
   * build has not come to its end, and why, when people are to hear of it. `atOnce`: its kubelet is not waited for.
   */
  removeBuildPod(request: {
    pod: PodRef
    image: string
    /** It signs. */
    signs?: true
    stopped?: { subject: KernelSubject; why: StopCause }
    atOnce?: boolean
  }): Promise<void>
  /** Looks now and then whether a hold has ended by itself. */
  watchHold(
    request: KernelRequest & {
      image: string
      pod: PodRef | undefined
      /** Of the failed build, whose pod may be gone. */
      secrets?: SecretVersions
      /** The image is to be built again: that it is there is no news. */
      rebuild?: true
      /** The hold is on an image that is made for these architectures: the same is no news. */
      made?: readonly string[]
    },
  ): Promise<HoldNews>
  /** Loads, unloads or forgets a module on one node, and writes down what came of it. */
  workOnNode(request: NodeRequest): Promise<NodeOutcome>
}

/** What the Module's own run sees: is its finalizer on, may it go, do counters and conditions differ? */
export interface ModuleView {
  readonly module: KernelView['module']
  /** While deleting: what still stands, in words; empty when the finalizer may go. */
  readonly remains: readonly string[]
  /** `kmm.sigs.x-k8s.io/retry-build` as a person has set it: a kernel, or `all`. */
  readonly retry?: string
  /** `kmm.sigs.x-k8s.io/cancel-build` in the same way. */
  readonly cancel?: string
  /** `kmm.sigs.x-k8s.io/rebuild` in the same way, once every kernel's run has taken it up. */
  readonly rebuild?: string
  /** Counters and conditions in status differ from what nodes and kernels say. */
  readonly outdated: boolean
  readonly summary: string
}

/** The same for a run about a whole Module. */
export interface ModuleRequest {
  readonly subject: ModuleSubject
  readonly seen: Seen
}

/** What a module run does to the world. Nothing is done for a Module that is gone or was created anew. */
export interface ModuleActivities {
  readModule(request: ModuleRequest): Promise<{ uid: string | undefined; view: ModuleView }>
  /** Puts the finalizer on the Module and the guard label on its namespace (images:API-1). */
  guardModule(request: ModuleRequest): Promise<{ seen: Seen }>
  /** Releases the holds that the retry annotation is about, then takes it off, whether anything was held or not. */
  takeRetry(request: ModuleRequest): Promise<{ seen: Seen }>
  /** Takes the rebuild annotation off, says for which kernels it was of no use, and releases what is held. */
  takeRebuild(request: ModuleRequest): Promise<{ seen: Seen }>
  /** Cancels the runs whose builds the cancel annotation is about, then takes it off. */
  takeCancel(request: ModuleRequest): Promise<{ seen: Seen }>
  /** Writes counters and conditions from the caches as they are. */
  summarizeModule(request: ModuleRequest): Promise<{ seen: Seen }>
  /** Takes the finalizer off, and the guard label when this was the namespace's last Module. */
  releaseModule(request: ModuleRequest): Promise<void>
}
