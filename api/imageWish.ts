import { buildInputHash, signInputHash, unsignedImageOf } from './buildInputs.ts'
import { nodeEligibility } from './eligibility.ts'
import { storedModule, type ClusterSnapshot, type NodeFacts } from './facts.ts'
import { ImageReferenceError, parseImageReference } from './imageReference.ts'
import type { BuildWish, ImageWish, UnsignedWish } from './kernelView.ts'
import { resolveMapping, type ResolvedMapping } from './mapping.ts'
import type { Module } from './module.ts'
import type { ModuleRef } from './names.ts'
import { signedFolder } from './signCommand.ts'

/** What the image of one (Module, kernel) should be, with what is too large or too private for a payload. */
export interface WantedImage {
  readonly wish: ImageWish
  /** Of the nodes the image is for, sorted; as Kubernetes names them. */
  readonly architectures: readonly string[]
  readonly mapping?: ResolvedMapping
  /** Its text, when a build of it could start. */
  readonly dockerfile?: string
}

/** What a Module asks for on the nodes that run the kernel. */
export function wantedImage(cluster: ClusterSnapshot, ref: ModuleRef, kernel: string): WantedImage {
  const module = cluster.module(ref)
  const nodes = cluster.nodes().filter((node) => node.kernel === kernel)
  const architectures = architecturesOf(module, nodes)
  const none = (why: Extract<ImageWish, { kind: 'none' }>['why']): WantedImage => ({
    wish: { kind: 'none', why },
    architectures,
  })
  if (storedModule(cluster, ref)?.metadata.deletionTimestamp !== undefined) return none('ModuleDeleted')
  if (module === undefined) return none('ModuleGone')
  if (module.spec.moduleLoader === undefined) return none('NoModuleLoader')
  if (architectures.length === 0) return none('NoNodes')
  const resolved = resolveMapping(module, kernel)
  if (resolved.kind === 'unmapped') return none('NoMapping')
  if (resolved.kind === 'invalid') {
    const { reason, field, message } = resolved
    return { wish: { kind: 'invalid', reason, field, message }, architectures }
  }
  const { mapping } = resolved
  const generation = module.spec.imageRebuildTriggerGeneration ?? null
  const { wish: built, ...made } = buildWish(cluster, module, mapping, kernel, architectures)
  const how = mapping.sign === undefined ? { build: built } : signWish(mapping, built, kernel, architectures)
  const wish = { kind: 'wanted' as const, image: mapping.image, generation, ...how }
  return { wish, architectures, mapping, ...made }
}

/** A node that is cordoned or reboots comes back: its build goes on, its digest stays the one that was resolved. */
function architecturesOf(module: Module | undefined, nodes: readonly NodeFacts[]): string[] {
  if (module === undefined) return []
  const waiting = nodes.filter((node) => ['target', 'paused'].includes(nodeEligibility(module, node).kind))
  return [...new Set(waiting.map(({ architecture }) => architecture))].sort()
}

function buildWish(
  cluster: ClusterSnapshot,
  module: Module,
  mapping: ResolvedMapping,
  kernel: string,
  architectures: readonly string[],
): { wish: BuildWish; dockerfile?: string } {
  if (mapping.build === undefined) return { wish: { kind: 'none' } }
  const { namespace } = module.metadata
  const { name } = mapping.build.dockerfileConfigMap
  const field = 'build.dockerfileConfigMap'
  const configMap = cluster.configMap(namespace, name)
  if (configMap === undefined) {
    const message = `${field}: ConfigMap ${namespace}/${name} does not exist.`
    return { wish: { kind: 'invalid', reason: 'DockerfileConfigMapMissing', field, message } }
  }
  const { dockerfile } = configMap
  if (dockerfile === undefined) {
    const message = `${field}: ConfigMap ${namespace}/${name} has no key "dockerfile".`
    return { wish: { kind: 'invalid', reason: 'DockerfileKeyMissing', field, message } }
  }
  const mixed = mixedArchitectures(architectures)
  if (mixed !== undefined) return { wish: mixed }
  const [architecture = ''] = architectures
  const inputHash = labelled(
    buildInputHash({ mapping, ref: module.metadata, kernel, architecture, dockerfile }),
  )
  return { wish: { kind: 'ready', inputHash }, dockerfile }
}

/** How an image that is to be signed is made: of one that is built, or of the one that `sign` names (images:SGN-7). */
function signWish(
  mapping: ResolvedMapping,
  built: BuildWish,
  kernel: string,
  architectures: readonly string[],
): { signs: true; build: BuildWish; unsigned?: UnsignedWish } {
  const fault = built.kind === 'invalid' ? built : mixedArchitectures(architectures)
  if (fault !== undefined) return { signs: true, build: fault }
  const [architecture = ''] = architectures
  const image =
    built.kind === 'ready' ? unsignedImageOf(mapping.image, built.inputHash) : mapping.sign?.unsignedImage
  const field = 'sign.unsignedImage'
  try {
    parseImageReference(image ?? '')
  } catch (error) {
    if (!(error instanceof ImageReferenceError)) throw error
    const message = image ? error.message : 'sign without build needs the image whose modules are signed.'
    const reason = 'UnsignedImageInvalid'
    return { signs: true, build: { kind: 'invalid', reason, field, message: `${field}: ${message}` } }
  }
  if (signedFolder(mapping.sign?.filesToSign ?? []) === undefined) {
    const message = 'sign.filesToSign: the files need a folder in common that is not the root of the image.'
    const reason = 'FilesToSignInvalid'
    return { signs: true, build: { kind: 'invalid', reason, field: 'sign.filesToSign', message } }
  }
  const unsigned = { image: image ?? '', build: built }
  const inputHash = labelled(signInputHash(mapping, { unsigned: unsigned.image, kernel, architecture }))
  return { signs: true, build: { kind: 'ready', inputHash }, unsigned }
}

function mixedArchitectures(architectures: readonly string[]): BuildWish | undefined {
  if (architectures.length <= 1) return undefined
  const message = `The target nodes have the architectures ${architectures.join(', ')}; a build makes an image for one.`
  return { kind: 'invalid', reason: 'MixedArchitectures', field: 'selector', message }
}

/** Kubernetes labels hold at most 63 characters; 160 bits are enough. */
function labelled(hash: string): string {
  return hash.slice(0, 40)
}
