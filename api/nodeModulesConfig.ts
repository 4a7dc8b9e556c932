import { z } from 'zod'
import { canonicalJson } from './canonicalJson.ts'
import { localReference, objectMetaSchema, tolerationSchema } from './kubernetesTypes.ts'
import { defaultDirName } from './loadCommand.ts'
import { modprobeSchema } from './moduleLoader.ts'
import { sha256, type ModuleRef } from './names.ts'

/** What is to be loaded on a node, and how (nodes:2). */
export const moduleConfigSchema = z
  .looseObject({
    kernelVersion: z.string().describe('Kernel release the config was made for.'),
    containerImage: z.string().describe('The kmod image.'),
    imagePullPolicy: z
      .string()
      .optional()
      .meta({ description: 'Pull policy of the kmod image.', default: 'IfNotPresent' }),
    insecurePull: z.boolean().describe('Whether the registry is spoken to without verification.'),
    inTreeModuleToRemove: z.string().optional().describe('Deprecated: use inTreeModulesToRemove.'),
    inTreeModulesToRemove: z.array(z.string()).optional().describe('Modules that are unloaded first.'),
    modprobe: modprobeSchema,
  })
  .meta({ description: 'What to load, and how.' })
export type ModuleConfig = z.infer<typeof moduleConfigSchema>

const entryFields = {
  name: z.string().describe('Name of the Module.'),
  namespace: z.string().describe('Its namespace.'),
  serviceAccountName: z.string().describe('ServiceAccount of the worker pods.'),
  imageRepoSecret: localReference('Secret for pulling the kmod image.').optional(),
  tolerations: z.array(tolerationSchema).optional().describe('Tolerations of the worker pods.'),
  version: z.string().optional().describe('Version of the Module.'),
}

export const moduleEntrySchema = z.looseObject({ ...entryFields, config: moduleConfigSchema })
/** What shall be loaded on the node for one Module. */
export type ModuleEntry = z.infer<typeof moduleEntrySchema>

export const moduleStatusEntrySchema = z.looseObject({
  ...entryFields,
  config: moduleConfigSchema.optional().describe('What the last successful worker pod loaded.'),
  bootId: z.string().optional().describe('Boot of the node in which it was loaded.'),
  digest: z.string().optional().describe('Digest of the image that was loaded.'),
  firmwareHostPath: z.string().optional().describe('Directory of the node that has firmware of the Module.'),
  configHash: z.string().optional().describe('Hash of the config that was loaded.'),
  failure: z
    .looseObject({
      action: z.enum(['Load', 'Unload']).describe('What failed.'),
      configHash: z.string().describe('Hash of the config it failed with.'),
      bootId: z.string().describe('Boot of the node in which it failed.'),
      reason: z.string().describe('Why, in one CamelCase word.'),
      message: z.string().describe('Why, for people.'),
      at: z.iso.datetime({ offset: true }).describe('When it failed last.'),
      attempts: z.int32().min(1).describe('How often it failed in a row.'),
      retryAt: z.iso
        .datetime({ offset: true })
        .optional()
        .describe(
          'When it is tried again by itself; absent: when something changes, or somebody asks for it.',
        ),
    })
    .optional()
    .describe('The last action, when it failed.'),
})
/** What is loaded on the node for one Module, and what failed last. */
export type ModuleStatusEntry = z.infer<typeof moduleStatusEntrySchema>

const keyedByModule = {
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['namespace', 'name'],
}

export const nodeModulesConfigSpecSchema = z
  .looseObject({
    modules: z
      .array(moduleEntrySchema)
      .optional()
      .meta({ description: 'Modules that shall be loaded on the node.', ...keyedByModule }),
  })
  .meta({ description: 'What shall be loaded on the node.' })

export const nodeModulesConfigStatusSchema = z
  .looseObject({
    modules: z
      .array(moduleStatusEntrySchema)
      .optional()
      .meta({ description: 'Modules that are loaded on the node.', ...keyedByModule }),
  })
  .meta({ description: 'What is loaded on the node.' })

/** The record of a node, under the node's name. Users read it and never write it. */
export const nodeModulesConfigSchema = z.looseObject({
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  metadata: objectMetaSchema,
  spec: nodeModulesConfigSpecSchema.optional(),
  status: nodeModulesConfigStatusSchema.optional(),
})
export type NodeModulesConfig = z.infer<typeof nodeModulesConfigSchema>

/** Reason of a failure that nobody tries again: a module that was given up and stays until the node's next boot. */
export const leftLoaded = 'LeftLoaded'

/** Was this module given up in the node's present boot? */
export function isLeftLoaded(fact: ModuleStatusEntry | undefined, bootId: string): boolean {
  return fact?.failure?.reason === leftLoaded && fact.failure.bootId === bootId
}

/** What a node's record says of one Module: what it shall have, and what it has. */
export interface RecordEntries {
  readonly wish: ModuleEntry | undefined
  readonly fact: ModuleStatusEntry | undefined
}

/** The entries of one Module in a node's record; both are absent when there is no record. */
export function recordEntries(record: NodeModulesConfig | undefined, ref: ModuleRef): RecordEntries {
  const same = (entry: ModuleRef) => entry.name === ref.name && entry.namespace === ref.namespace
  return { wish: record?.spec?.modules?.find(same), fact: record?.status?.modules?.find(same) }
}

/**
 * 16 hex digits that are equal for configs that mean the same: defaults are filled in (also for an empty pull
 * policy, which KMM writes), empty lists and groups count as absent, and keys have no order.
 */
export function moduleConfigHash(config: ModuleConfig): string {
  const { imagePullPolicy, modprobe, ...rest } = config
  const complete = {
    ...rest,
    imagePullPolicy: imagePullPolicy || 'IfNotPresent',
    modprobe: { ...modprobe, dirName: modprobe.dirName ?? defaultDirName },
  }
  return sha256(canonicalJson(withoutEmpty(complete))).slice(0, 16)
}

/** The value without absent, null and empty members of objects, at every depth. */
function withoutEmpty(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const members = Object.entries(value).flatMap(([key, member]) => {
    const kept = withoutEmpty(member)
    const empty = kept === null || (typeof kept === 'object' && Object.keys(kept).length === 0)
    return kept === undefined || empty ? [] : [[key, kept] as const]
  })
  return Object.fromEntries(members)
}
