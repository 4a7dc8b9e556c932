import { isLeaving, storedEntry, type ClusterSnapshot, type PodFacts } from './facts.ts'
import { formatImageReference, ImageReferenceError, parseImageReference } from './imageReference.ts'
import { wantedImage } from './imageWish.ts'
import type { KernelStatus } from './module.ts'
import { annotations, kernelOfRun, labels, sha256, type KernelRef } from './names.ts'
import { isLost } from './viewBuildPods.ts'

/**
 * The right to build one image reference, kept as a Lease in the operator's namespace (design: "One build per image
 * reference at a time"): taken before a build pod is made, given up when it has ended.
 */
export interface Claim {
  readonly image: string
  /** Workflow id of the kernel run that has it. */
  readonly holder: string
  /** Of the holder's build. */
  readonly inputHash: string
  /** The holder has shown that it may push to the image's repository. */
  readonly mayPush: boolean
  /** Milliseconds since 1970. */
  readonly takenAt: number
}

/**
 * Whether a claim or a build of `other` counts against a Module of `namespace`. In one namespace every one does. In
 * another one only if its Module has shown that it may push there: otherwise anybody who can create a Module could stop
 * the builds of others by naming their image.
 */
export function countsAgainst(
  namespace: string,
  other: { readonly namespace: string; readonly mayPush: boolean },
): boolean {
  return other.namespace === namespace || other.mayPush
}

/**
 * So long a claim stands without a pod: longer than an attempt to make one may last, so that only a lost operator or
 * a run that somebody ended leaves it to others.
 */
export const claimSeconds = 180

/** An image reference in full, so that `fpga:1` and `docker.io/library/fpga:1` are one; a text that is none as it is. */
export function canonicalImage(image: string): string {
  try {
    return formatImageReference(parseImageReference(image))
  } catch (error) {
    if (error instanceof ImageReferenceError) return image
    throw error
  }
}

/** Name of the Lease of an image reference. */
export function claimName(image: string): string {
  return `kmm-image-${sha256(canonicalImage(image)).slice(0, 20)}`
}

/**
 * Does this claim still keep others off? It does while a build pod of its holder has not ended, and for
 * `claimSeconds` before there is one, unless the holder's Module is gone. `now`: milliseconds since 1970.
 */
export function claimStands(cluster: ClusterSnapshot, claim: Claim, now: number): boolean {
  const holder = kernelOfRun(claim.holder)
  if (holder === undefined) return false
  if (isBuilding(cluster, holder, claim.image)) return true
  return !isLeaving(cluster.module(holder.ref)) && now - claim.takenAt < claimSeconds * 1000
}

/** Has a kernel run a build pod for this image that has not ended? */
export function isBuilding(cluster: ClusterSnapshot, of: KernelRef, image: string): boolean {
  return buildsOf(cluster, of, image).some(isActive)
}

/** The build pods of a kernel run for an image, but those that failed or are lost with their node. */
function buildsOf(cluster: ClusterSnapshot, { ref, kernel }: KernelRef, image: string): PodFacts[] {
  return cluster.pods(ref).filter((pod) => {
    const its = pod.annotations[annotations.image]
    if (its === undefined || pod.annotations[annotations.kernel] !== kernel) return false
    if (pod.state.kind === 'failed' || isLost(pod, cluster.nodes())) return false
    return canonicalImage(its) === canonicalImage(image)
  })
}

function isActive({ state }: PodFacts): boolean {
  return state.kind !== 'succeeded' && state.kind !== 'failed'
}

/** What a run that waits says; `who` builds, in words. */
export function imageClaimed(image: string, who: string): string {
  return `Image ${image} is being built for ${who}. It is taken when it is there; should it not come, it is built here.`
}

/** Another kernel run that builds the wanted image, or has built it from other inputs. */
export interface Rival extends KernelRef {
  /** The pod that builds it now. */
  readonly pod?: string
  readonly inputs: 'same' | 'other'
}

/**
 * Who else builds this image now, or has built it from other inputs (images:MIC-2, BLD-S10)? Two kernels of one
 * Module are rivals too. A Module of another namespace is one only if it has shown that it may push there. Nobody is where the image was built from the same inputs: it can be taken as it is. Nor who
 * wants the same inputs by now, such as after an edit of the Dockerfile that both have: the two agree.
 */
export function rivalOf(
  cluster: ClusterSnapshot,
  wanted: KernelRef & { readonly image: string; readonly inputHash: string },
): Rival | undefined {
  const image = canonicalImage(wanted.image)
  const signsToo = storedEntry(cluster.module(wanted.ref), wanted.kernel)?.phase === 'Signing'
  const built: Rival[] = []
  for (const module of cluster.modules()) {
    const { namespace, name, deletionTimestamp } = module.metadata
    const ref = { namespace, name }
    const own = namespace === wanted.ref.namespace && name === wanted.ref.name
    for (const entry of module.status?.kernels ?? []) {
      const { kernel, inputHash, digest } = entry
      if (entry.image === undefined || (own && kernel === wanted.kernel)) continue
      if (canonicalImage(entry.image) !== image) continue
      const { mayPush = false } = entry
      if (!countsAgainst(wanted.ref.namespace, { namespace, mayPush })) continue
      const pods = buildsOf(cluster, { ref, kernel }, image)
      const pod = pods.find(isActive) ?? unsignedBuild(cluster, { ref, kernel }, entry)
      // Between its build and the pod that signs it, an image is being made, too. Of two that sign, a claim decides.
      const isSigned = entry.phase === 'Signing' && entry.reason === undefined && digest === undefined
      if (pod !== undefined || (isSigned && !signsToo)) {
        const same =
          pod?.labels[labels.inputHash] === wanted.inputHash || agrees(cluster, { ref, kernel }, wanted)
        const by = pod?.name ?? entry.buildPod
        return { ref, kernel, ...(by !== undefined && { pod: by }), inputs: same ? 'same' : 'other' }
      }
      // A build that went well counts before its digest is verified and written down.
      const hasBuilt = pods.some(({ labels: its }) => its[labels.inputHash] !== wanted.inputHash)
      const isOther = inputHash !== undefined && inputHash !== wanted.inputHash
      if (deletionTimestamp !== undefined || !(hasBuilt || (digest !== undefined && isOther))) continue
      if (!agrees(cluster, { ref, kernel }, wanted)) built.push({ ref, kernel, inputs: 'other' })
    }
  }
  return built[0]
}

/** The pod that builds what this kernel's image is made of by signing, until its image is written down. */
function unsignedBuild(
  cluster: ClusterSnapshot,
  of: KernelRef,
  { unsigned: known }: Pick<KernelStatus, 'unsigned'>,
): PodFacts | undefined {
  const { wish } = wantedImage(cluster, of.ref, of.kernel)
  const unsigned = wish.kind === 'wanted' ? wish.unsigned?.image : undefined
  if (unsigned === undefined) return undefined
  const pods = buildsOf(cluster, of, unsigned)
  return pods.find(isActive) ?? (known?.image === unsigned ? undefined : pods[0])
}

/** Does this kernel want the image from the same inputs now? No, while that cannot be told. */
function agrees(
  cluster: ClusterSnapshot,
  { ref, kernel }: KernelRef,
  { image, inputHash }: { readonly image: string; readonly inputHash: string },
): boolean {
  const { wish } = wantedImage(cluster, ref, kernel)
  if (wish.kind !== 'wanted' || wish.build.kind !== 'ready') return false
  return wish.build.inputHash === inputHash && canonicalImage(wish.image) === canonicalImage(image)
}
