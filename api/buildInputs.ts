import { canonicalJson } from './canonicalJson.ts'
import { formatImageReference, parseImageReference } from './imageReference.ts'
import type { ResolvedMapping } from './mapping.ts'
import { mergeArgs } from './mergeMapping.ts'
import type { BuildArg } from './moduleLoader.ts'
import { sha256, type ModuleRef } from './names.ts'

/**
 * The build arguments in the order in which the executor gets them (images:BLD-4): the user's, where automatic names
 * take over the value in place, then the missing automatic ones. The kernel is the raw release.
 */
export function buildArgs(mapping: ResolvedMapping, ref: ModuleRef, rawKernel: string): BuildArg[] {
  return mergeArgs(mapping.build?.buildArgs ?? [], [
    { name: 'KERNEL_FULL_VERSION', value: rawKernel },
    { name: 'KERNEL_VERSION', value: rawKernel },
    { name: 'MOD_NAME', value: ref.name },
    { name: 'MOD_NAMESPACE', value: ref.namespace },
  ])
}

/** Everything a build depends on, besides the contents of Secrets. */
export interface BuildInputs {
  readonly mapping: ResolvedMapping
  readonly ref: ModuleRef
  /** The raw kernel release. */
  readonly kernel: string
  /** As Kubernetes names it, such as amd64. */
  readonly architecture: string
  /** The text of the Dockerfile. */
  readonly dockerfile: string
}

/** Arguments that name the Module: a Dockerfile that does not use one gives every Module the same image. */
const identityArgs: readonly string[] = ['MOD_NAME', 'MOD_NAMESPACE']

/**
 * Hex SHA-256 of the inputs of a build: the same hash means the same build, another one supersedes it. Absent and
 * default settings are the same. Secrets count by name, their contents never. Two Modules with one Dockerfile for one
 * image have the same hash, so that they can share it (images:BLD-S10).
 */
export function buildInputHash(inputs: BuildInputs): string {
  const { mapping, kernel, architecture, dockerfile } = inputs
  const { build } = mapping
  return sha256(
    canonicalJson({
      dockerfile,
      args: countedArgs(inputs),
      image: builtAs(mapping),
      kernel,
      architecture,
      registryTLS: tls(mapping.registryTLS),
      baseImageRegistryTLS: tls(build?.baseImageRegistryTLS),
      kanikoTag: build?.kanikoParams?.tag || undefined,
      selector: build?.selector,
      secrets: secretNames(inputs),
      imageRepoSecret: mapping.imageRepoSecret?.name,
    }),
  )
}

/**
 * What a build is for: the image, or where it is signed afterwards its repository alone. So another tag, such as for
 * another key, is signed from what is built already.
 */
function builtAs({ image, sign }: ResolvedMapping): string {
  if (sign === undefined) return image
  const { registry, repository } = parseImageReference(image)
  return formatImageReference({ registry, repository })
}

/**
 * Where a build puts an image that is signed afterwards (images:SGN-7 Better): in the same repository, under a tag that
 * only the same inputs have. The wanted image is there when it is signed, never before.
 */
export function unsignedImageOf(image: string, inputHash: string): string {
  const { registry, repository } = parseImageReference(image)
  return formatImageReference({ registry, repository, tag: `kmm-unsigned-${inputHash}` })
}

/** Hex SHA-256 of everything that signing depends on, besides the contents of Secrets: the same hash, the same image. */
export function signInputHash(
  { image, sign, registryTLS, imageRepoSecret }: ResolvedMapping,
  of: { readonly unsigned: string; readonly kernel: string; readonly architecture: string },
): string {
  return sha256(
    canonicalJson({
      ...of,
      ...signedHow(sign),
      image,
      registryTLS: tls(registryTLS),
      unsignedImageRegistryTLS: tls(sign?.unsignedImageRegistryTLS),
      imageRepoSecret: imageRepoSecret?.name,
    }),
  )
}

/** Hex SHA-256 of what decides how an image is signed: files, and Secrets by name (images:MIC-6 Better). */
export function signHash(mapping: Pick<ResolvedMapping, 'sign'>): string {
  return sha256(canonicalJson(signedHow(mapping.sign)))
}

function signedHow(sign: ResolvedMapping['sign']) {
  return {
    files: (sign?.filesToSign ?? []).toSorted(),
    key: sign?.keySecret.name,
    certificate: sign?.certSecret.name,
  }
}

function tls(options: ResolvedMapping['registryTLS'] | undefined) {
  const { insecure = false, insecureSkipTLSVerify = false } = options ?? {}
  return { insecure, insecureSkipTLSVerify }
}

/**
 * Hex SHA-256 of the inputs that decide what is in an image: Dockerfile, arguments, names of Secrets, kernel and
 * architecture (images:MIC-11 Better). How the image is called, how registries are spoken to, where it is built and by
 * which executor does not count, nor do the contents of Secrets and base images: an image is not outdated by them.
 */
export function sourceHash(inputs: BuildInputs): string {
  const { kernel, architecture, dockerfile } = inputs
  const args = countedArgs(inputs)
  return sha256(canonicalJson({ dockerfile, args, kernel, architecture, secrets: secretNames(inputs) }))
}

function countedArgs({ mapping, ref, kernel, dockerfile }: BuildInputs): (string | undefined)[][] {
  return buildArgs(mapping, ref, kernel)
    .filter(({ name }) => !identityArgs.includes(name) || dockerfile.includes(name))
    .map(({ name, value }) => [name, value])
}

function secretNames({ mapping }: BuildInputs): string[] {
  return mapping.build?.secrets?.map(({ name }) => name).sort() ?? []
}
