import { z } from 'zod'
import type { KeyMeta } from './fields.ts'

/** A schema without its wrappers, and what these define: whether it may be null, its default, its description. */
export interface Unwrapped {
  readonly schema: z.ZodType
  readonly nullable: boolean
  readonly defaultValue: unknown
  readonly meta: KeyMeta
}

/** Takes defaults, `optional`, `nullable` and transforms off a schema. */
export function unwrap(wrapped: z.ZodType): Unwrapped {
  const meta = (wrapped.meta() ?? {}) as KeyMeta
  const below = (inner: z.ZodType, own: Partial<Unwrapped> = {}): Unwrapped => {
    const found = unwrap(inner)
    return { ...found, ...own, meta: { ...found.meta, ...meta } }
  }
  if (wrapped instanceof z.ZodDefault || wrapped instanceof z.ZodPrefault) {
    return below(wrapped.unwrap() as z.ZodType, { defaultValue: wrapped.def.defaultValue })
  }
  if (wrapped instanceof z.ZodNullable) return below(wrapped.unwrap() as z.ZodType, { nullable: true })
  if (wrapped instanceof z.ZodOptional) return below(wrapped.unwrap() as z.ZodType)
  if (wrapped instanceof z.ZodPipe) return below(wrapped.in as z.ZodType)
  return { schema: wrapped, nullable: false, defaultValue: undefined, meta }
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Names of keys as `build.env[0].name`. */
export function keyName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, key) => {
    if (typeof key === 'number') return `${name}[${key}]`
    return name === '' ? String(key) : `${name}.${String(key)}`
  }, '')
}

/**
 * A given value without keys that the schema does not know, each of them reported, and without nulls where null means
 * nothing: an empty section leaves its defaults, as in KMM.
 */
export function knownKeys(
  wrapped: z.ZodType,
  value: unknown,
  unknown: (path: readonly PropertyKey[], value: unknown) => void,
  path: readonly PropertyKey[] = [],
): unknown {
  const { schema, nullable } = unwrap(wrapped)
  if (value === null) return nullable ? null : undefined
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item, index) => knownKeys(schema.element as z.ZodType, item, unknown, [...path, index]))
  }
  if (!(schema instanceof z.ZodObject) || !isMap(value)) return value
  const known = Object.entries(value).flatMap(([key, member]) => {
    const its = Object.hasOwn(schema.shape, key) ? (schema.shape[key] as z.ZodType) : undefined
    if (its !== undefined) return [[key, knownKeys(its, member, unknown, [...path, key])] as const]
    unknown([...path, key], member)
    return []
  })
  return Object.fromEntries(known.filter(([, member]) => member !== undefined))
}
