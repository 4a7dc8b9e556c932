import { z } from 'zod'
import { moduleSchema, moduleSpecSchema, type Module, type ModuleStatus } from './module.ts'
import { nameFaults } from './moduleRules.ts'
import { conditionSchema, kernelStatusSchema, moduleStatusSchema } from './moduleStatus.ts'
import { brokenRules, type Fault } from './rules.ts'

/**
 * A Module that is there and for which nothing is done, not even unloading, until it is mended or deleted: it was
 * stored before the API server knew the rule that it breaks.
 */
export interface UnreadableModule {
  readonly metadata: Module['metadata']
  readonly status?: ModuleStatus | undefined
  /** All that is wrong, never empty. */
  readonly faults: readonly Fault[]
}

/** What a Module and one that cannot be read have both. */
export type StoredModule = Pick<Module, 'metadata' | 'status'>

/** A Module as an API server or client gave it, or what is wrong with it. */
export type ParsedModule =
  | { readonly ok: true; readonly module: Module }
  | {
      readonly ok: false
      readonly message: string
      /** Absent for something that is not an object of an API server at all. */
      readonly unreadable?: UnreadableModule
    }

/**
 * Reads a Module object of any origin and fills in defaults. Not readable is one whose structure or rules are broken
 * (docs/validation.md); what is wrong with one mapping only is said for the kernels that it concerns, by
 * resolveMapping. `message` names the fields at fault, one line each.
 */
export function parseModule(object: unknown): ParsedModule {
  const outer = envelope.safeParse(object)
  if (!outer.success) return { ok: false, message: sentences(issueFaults(outer.error)) }
  const { metadata, spec, status, ...rest } = outer.data
  const known = { metadata, ...(status === undefined ? {} : { status: readableStatus(status) }) }
  const parsed = moduleSpecSchema.safeParse(spec)
  const faults = parsed.success
    ? [...nameFaults(metadata), ...brokenRules(moduleSpecSchema, parsed.data, 'spec')]
    : issueFaults(parsed.error, 'spec')
  if (parsed.success && faults.every(isOfOneMapping)) {
    return { ok: true, module: { ...rest, ...known, spec: parsed.data } }
  }
  return { ok: false, message: sentences(faults), unreadable: { ...known, faults } }
}

const envelope = moduleSchema.extend({ spec: z.unknown(), status: z.unknown().optional() })

/** Faults in words, one line each. */
export function sentences(faults: readonly Fault[]): string {
  return faults.map(({ field, message }) => `${field}: ${message}`).join('\n')
}

function isOfOneMapping({ field }: Fault): boolean {
  return field.startsWith('spec.moduleLoader.container.kernelMappings[')
}

function issueFaults(error: z.ZodError, at = ''): Fault[] {
  return error.issues.map(({ path, message: said }) => {
    const message = said.endsWith('received undefined') ? 'is missing' : said
    const below = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
    return { field: `${at}${below}`.replace(/^[.]/u, '') || 'Module', message }
  })
}

/**
 * A status of which everything that cannot be read is left out: another version of the operator wrote it, and what
 * is missing is found out and written anew.
 */
function readableStatus(status: unknown): ModuleStatus {
  const whole = moduleStatusSchema.safeParse(status)
  if (whole.success) return whole.data
  const parts = z.looseObject({ kernels: z.unknown(), conditions: z.unknown() }).safeParse(status).data
  return {
    kernels: readableItems(parts?.kernels, kernelStatusSchema),
    conditions: readableItems(parts?.conditions, conditionSchema),
  }
}

function readableItems<T>(list: unknown, schema: z.ZodType<T>): T[] {
  if (!Array.isArray(list)) return []
  return list.flatMap((item) => {
    const parsed = schema.safeParse(item)
    return parsed.success ? [parsed.data] : []
  })
}
