import { rivalOf } from './claim.ts'
import { storedEntry, type ClusterSnapshot } from './facts.ts'
import { wantedImage } from './imageWish.ts'
import type { BuildPodView, ImageWish, KernelView } from './kernelView.ts'
import type { KernelStatus } from './module.ts'
import { annotations, kernelWords, type KernelRef, type ModuleRef } from './names.ts'
import type { StoredModule } from './readModule.ts'
import { inputHashes, lastAttempt } from './viewBuildPods.ts'

/*
 * Building an image again though it is there (images:MIC-10 Better: an explicit force). A person sets the annotation
 * `rebuild`; each kernel's run takes it up in its own entry in status, with the first attempt that counts; when all
 * have, the Module's run takes the annotation off. All of it stands in one object, so whoever is lost in between,
 * nothing is forgotten or done twice. While the annotation stands, an entry keeps saying that it was taken up.
 */

/** Which kernels a Module's annotation `rebuild` is for: one, or `all`. */
export function rebuildAnnotation(module: StoredModule | undefined): string | undefined {
  return module?.metadata.annotations?.[annotations.rebuild]
}

/** Why an image cannot be built again, as the end of a sentence, and what to do; undefined when it can. */
export function rebuildObstacle(
  cluster: ClusterSnapshot,
  about: KernelRef,
  wish: ImageWish,
): string | undefined {
  if (wish.kind === 'invalid') return `${wish.message} ${mend(wish.field)}`
  if (wish.kind !== 'wanted') return 'no image is wanted for it. Name a kernel of status.kernels, or "all".'
  const { image, build } = wish
  if (build.kind === 'none') {
    return 'its mapping has no build section. Add build to the mapping, or push the image and change spec.imageRebuildTriggerGeneration.'
  }
  if (build.kind === 'invalid') return `${build.message} ${mend(build.field)}`
  const rival = rivalOf(cluster, { ...about, image, inputHash: build.inputHash })
  if (rival?.inputs !== 'other') return undefined
  const same =
    'Give one of them another containerImage, or make their build sections and Dockerfiles the same'
  return `image ${image} is built for ${kernelWords(rival)} too, from other inputs. ${same}, then ask again.`
}

function mend(field: string): string {
  return `Mend ${field}, then ask again.`
}

/** Has this kernel's entry in status taken up a request about the image that is wanted? */
function takenUp(stored: KernelStatus | undefined, wish: ImageWish): KernelStatus['rebuild'] {
  if (wish.kind !== 'wanted' || wish.build.kind === 'none') return undefined
  const same = stored?.image === wish.image && (stored.imageGeneration ?? null) === wish.generation
  return same ? stored.rebuild : undefined
}

/**
 * A kernel's part: is a request to be taken up, and from which attempt on do builds count? A build that is under way
 * is the one that was asked for. `asked`: the annotation stands and is for this kernel.
 */
export function viewRebuild(
  asked: boolean,
  wish: ImageWish,
  stored: KernelStatus | undefined,
  pods: readonly BuildPodView[],
): Pick<KernelView, 'rebuildAsked' | 'rebuildFrom'> {
  const standing = asked ? { rebuildAsked: true as const } : {}
  const taken = takenUp(stored, wish)
  if (taken !== undefined) return taken.done ? standing : { ...standing, rebuildFrom: taken.from }
  if (!asked || wish.kind !== 'wanted' || wish.build.kind !== 'ready') return standing
  const hashes = inputHashes(wish)
  // What is signed while a rebuild is asked for is of the build before it.
  const begins = wish.unsigned?.build.kind === 'ready' ? wish.unsigned.build : wish.build
  const active = pods.find((pod) => pod.inputHash === begins.inputHash && pod.state === 'active')
  const attempts = hashes.map((hash) => lastAttempt({ pods, stored }, hash))
  const last = Math.max(...attempts, stored?.unsigned?.rebuildFrom ?? 0)
  return { ...standing, rebuildFrom: active?.attempt ?? last + 1 }
}

/** What has become of a Module's annotation `rebuild`. */
export interface RebuildAnswers {
  /** Kernels whose run has not taken it up yet. */
  readonly open: readonly string[]
  readonly refused: readonly { readonly kernel: string; readonly why: string }[]
}

/** The Module's part; `kernels` are all that concern it. With `all`, kernels without an image are passed over. */
export function rebuildAnswers(
  cluster: ClusterSnapshot,
  module: StoredModule,
  which: string,
  kernels: readonly string[],
): RebuildAnswers {
  const { namespace, name } = module.metadata
  const ref: ModuleRef = { namespace, name }
  const open: string[] = []
  const refused: { kernel: string; why: string }[] = []
  for (const kernel of which === 'all' ? kernels : [which]) {
    const { wish } = wantedImage(cluster, ref, kernel)
    const why = rebuildObstacle(cluster, { ref, kernel }, wish)
    const stored = storedEntry(module, kernel)
    if (takenUp(stored, wish) !== undefined) continue
    if (why === undefined) open.push(kernel)
    else if (wish.kind === 'wanted' || which !== 'all') refused.push({ kernel, why })
  }
  return { open, refused }
}
