import { builtInTolerations } from './eligibility.ts'
import { compileExpression, ExpressionError } from './expression.ts'
import { ImageReferenceError, parseImageReference } from './imageReference.ts'
import { trimmedKernel } from './kernel.ts'
import type { Toleration } from './kubernetesTypes.ts'
import { mergeBuild, mergeInTreeModules, mergeSign, withoutEmpty } from './mergeMapping.ts'
import type { Module } from './module.ts'
import {
  kernelMappingSchema,
  type Build,
  type KernelMapping,
  type Modprobe,
  type Sign,
  type TLSOptions,
} from './moduleLoader.ts'
import { brokenRules } from './rules.ts'
import { expandTemplate, TemplateError, templateVariables, type TemplateVariables } from './template.ts'

/** What a Module says for one kernel, container level and mapping merged (images:MAP-10 to MAP-14). */
export interface ResolvedMapping {
  /** Place of the mapping in `kernelMappings`. */
  readonly index: number
  /** The raw kernel release it was resolved for. */
  readonly kernel: string
  /** The image with its variables expanded: a valid reference with a tag or a digest. */
  readonly image: string
  readonly registryTLS: TLSOptions
  readonly build?: Build
  /** Its templates are expanded. */
  readonly sign?: Sign
  readonly inTreeModulesToRemove?: readonly string[]
  readonly modprobe: Modprobe
  readonly imagePullPolicy?: string
  readonly imageRepoSecret?: { readonly name: string }
  /** `default` when the Module gives none. */
  readonly serviceAccountName: string
  /** The Module's and the built-in ones (nodes:SCH-3). */
  readonly tolerations: readonly Toleration[]
  readonly version?: string
  /** Where in the Module the values come from, for messages. */
  readonly fields: {
    readonly mapping: string
    readonly image: string
    readonly registryTLS: string
    /** Of the level whose `dockerfileConfigMap` counts; absent without a build. */
    readonly build?: string
  }
}

export const mappingFaults = [
  'MappingInvalid',
  'TemplateInvalid',
  'ImageReferenceInvalid',
  'RegexpInvalid',
  'KernelVersionInvalid',
  'ImageMissing',
] as const
export type MappingFault = (typeof mappingFaults)[number]

export interface InvalidMapping {
  readonly kind: 'invalid'
  readonly reason: MappingFault
  readonly field: string
  /** Begins with the field. */
  readonly message: string
}

/** `unmapped`: the Module does not concern this kernel. `invalid`: it does, and `field` is to be mended. */
export type MappingResolution =
  | { readonly kind: 'unmapped' }
  | InvalidMapping
  | { readonly kind: 'mapped'; readonly mapping: ResolvedMapping }

const containerField = 'spec.moduleLoader.container'

class Fault extends Error {
  readonly reason: MappingFault
  readonly field: string
  constructor(reason: MappingFault, field: string, message: string) {
    super(message)
    this.reason = reason
    this.field = field
  }
}

/**
 * What the Module says for a kernel release as `uname -r` gives it. The first mapping in list order that matches
 * counts (images:MAP-2); none, or no `moduleLoader`, is `unmapped` (MAP-3). Faults are answers, never thrown, so one
 * odd kernel stops no other (images:API-4 Better).
 */
export function resolveMapping(module: Module, rawKernel: string): MappingResolution {
  return answered(() => {
    const index = findMapping(module, rawKernel)
    return index === undefined
      ? { kind: 'unmapped' }
      : { kind: 'mapped', mapping: merge(module, index, rawKernel) }
  })
}

function answered<T>(resolve: () => T): T | InvalidMapping {
  try {
    return resolve()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const { reason, field, message } = error
    return { kind: 'invalid', reason, field, message: `${field}: ${message}` }
  }
}

/** A release that has all parts, for looking at mappings before there is a node. */
const anyKernel = '6.1.0-1-amd64'

/** What is wrong with mappings whatever kernels the nodes have, at most one fault for each: known at once. */
export function checkMappings(module: Module): InvalidMapping[] {
  const mappings = module.spec.moduleLoader?.container.kernelMappings ?? []
  return mappings.flatMap((mapping, index) => {
    const result = answered(() => {
      matches(mapping, index, anyKernel)
      return merge(module, index, mapping.literal || anyKernel)
    })
    return 'kind' in result ? [result] : []
  })
}

function findMapping(module: Module, rawKernel: string): number | undefined {
  const mappings = module.spec.moduleLoader?.container.kernelMappings ?? []
  const index = mappings.findIndex((mapping, i) => matches(mapping, i, rawKernel))
  return index === -1 ? undefined : index
}

/** A literal that is equal, or an unanchored RE2 expression, of the raw or the trimmed release (MAP-1, MAP-2). */
function matches(mapping: KernelMapping, index: number, rawKernel: string): boolean {
  const releases = [rawKernel, trimmedKernel(rawKernel)]
  const { literal, regexp } = mapping
  if (literal && releases.includes(literal)) return true
  if (!regexp) return false
  try {
    const expression = compileExpression(regexp)
    return releases.some((release) => expression.matcher(release).find())
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    throw new Fault('RegexpInvalid', `${mappingField(index)}.regexp`, error.message)
  }
}

function mappingField(index: number): string {
  return `${containerField}.kernelMappings[${index}]`
}

function merge(module: Module, index: number, rawKernel: string): ResolvedMapping {
  const { moduleLoader, imageRepoSecret, tolerations } = module.spec
  const container = moduleLoader?.container
  const mapping = container?.kernelMappings[index]
  if (moduleLoader === undefined || container === undefined || mapping === undefined) {
    throw new RangeError(`no kernel mapping ${index}`)
  }
  const field = mappingField(index)
  const [broken] = brokenRules(kernelMappingSchema, mapping, field)
  if (broken !== undefined) throw new Fault('MappingInvalid', broken.field, broken.message)
  const kernelVariables = templateVariables(rawKernel, module.metadata)
  if (!kernelVariables.ok) throw new Fault('KernelVersionInvalid', field, kernelVariables.message)
  const { variables } = kernelVariables

  const imageField = `${mapping.containerImage ? field : containerField}.containerImage`
  const build = mergeBuild(container.build, mapping.build)
  const sign = mergeSign(container.sign, mapping.sign)
  const inTreeModulesToRemove = mergeInTreeModules(container, mapping)
  const { imagePullPolicy, version } = container
  return {
    index,
    kernel: rawKernel,
    image: resolveImage(mapping.containerImage || container.containerImage, imageField, variables),
    registryTLS: mapping.registryTLS ?? container.registryTLS ?? {},
    ...(build === undefined ? {} : { build }),
    ...(sign === undefined
      ? {}
      : { sign: expandSign(sign, mapping.sign ? field : containerField, variables) }),
    ...(inTreeModulesToRemove === undefined ? {} : { inTreeModulesToRemove }),
    modprobe: withoutEmpty(container.modprobe),
    ...(imagePullPolicy ? { imagePullPolicy } : {}),
    ...(imageRepoSecret?.name ? { imageRepoSecret: { name: imageRepoSecret.name } } : {}),
    serviceAccountName: moduleLoader.serviceAccountName || 'default',
    tolerations: [...(tolerations ?? []), ...builtInTolerations],
    ...(version ? { version } : {}),
    fields: {
      mapping: field,
      image: imageField,
      registryTLS: `${mapping.registryTLS ? field : containerField}.registryTLS`,
      ...(build === undefined ? {} : { build: `${mapping.build ? field : containerField}.build` }),
    },
  }
}

function resolveImage(template: string | undefined, field: string, variables: TemplateVariables): string {
  if (!template) {
    throw new Fault(
      'ImageMissing',
      field,
      'no containerImage is given, neither in the mapping nor in the container',
    )
  }
  const image = expand(template, field, variables)
  try {
    const { tag, digest } = parseImageReference(image)
    if (tag === undefined && digest === undefined) {
      throw new ImageReferenceError(
        `"${image}" has neither tag nor digest; add one, such as :\${KERNEL_FULL_VERSION}`,
      )
    }
    return image
  } catch (error) {
    if (!(error instanceof ImageReferenceError)) throw error
    const hint = template.includes('KERNEL_RAW_VERSION')
      ? '; KERNEL_FULL_VERSION is the release in characters of a tag'
      : ''
    throw new Fault('ImageReferenceInvalid', field, `${error.message}${hint}`)
  }
}

/** images:MAP-7; the variables of the Module are known here too, which KMM takes for empty. */
function expandSign(sign: Sign, level: string, variables: TemplateVariables): Sign {
  const { unsignedImage, filesToSign } = sign
  return {
    ...sign,
    ...(unsignedImage === undefined
      ? {}
      : { unsignedImage: expand(unsignedImage, `${level}.sign.unsignedImage`, variables) }),
    ...(filesToSign === undefined
      ? {}
      : { filesToSign: filesToSign.map((file) => expand(file, `${level}.sign.filesToSign`, variables)) }),
  }
}

function expand(template: string, field: string, variables: TemplateVariables): string {
  try {
    return expandTemplate(template, variables)
  } catch (error) {
    if (error instanceof TemplateError) throw new Fault('TemplateInvalid', field, error.message)
    throw error
  }
}
