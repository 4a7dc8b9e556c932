import { z } from 'zod'

/** Something wrong with a Module: which field, and what would do instead. */
export interface Fault {
  /** As kubectl names it: `spec.moduleLoader.container.kernelMappings[0].regexp`. */
  readonly field: string
  readonly message: string
}

/**
 * What must be true of a value beyond its type: for the API server in CEL, and the same here for Modules that were
 * stored before the API server knew the rule. A test compares both on a real API server.
 */
export interface Rule<T> {
  /** `images:VAL-9`, as in docs/validation.md. */
  readonly id: string
  /** Absent where deploy/chart/templates/policies says it: maps and Kubernetes' own types have no bounds, so their rules no budget. */
  readonly rule?: string
  /** Says what would do. */
  readonly message: string
  /** The field at fault, below the value. */
  readonly fieldPath?: string
  /** `oldSelf` is an optional, so that the rule stands for new values too. */
  readonly optionalOldSelf?: true
  /** Absent where resolveMapping says it for each kernel, and for rules that compare with the former version. */
  readonly holds?: (self: T) => boolean
}

/** A CEL string literal. */
export const celText = (value: string): string => JSON.stringify(value)

/** The same as `value.matches(pattern)` in CEL, for patterns of this project that Go and JavaScript read alike. */
export const matches = (value: string, pattern: string): boolean => new RegExp(pattern, 'u').test(value)

const keyword = 'x-kubernetes-validations'

/** For the `meta` of the schema whose values must keep these rules. */
export function ruled<T>(...rules: readonly Rule<T>[]): Record<string, readonly Rule<T>[]> {
  return { [keyword]: rules }
}

/** All rules that a value which fits the schema breaks, with their fields; `at` is the value's own path. */
export function brokenRules(schema: z.ZodType, value: unknown, at: string): Fault[] {
  if (value === undefined) return []
  const rules = (schema.meta()?.[keyword] ?? []) as readonly Rule<unknown>[]
  const own = rules
    .filter(({ holds }) => holds?.(value) === false)
    .map(({ fieldPath = '', message }) => ({ field: at + fieldPath, message }))
  return [...own, ...brokenInside(schema, value, at)]
}

function brokenInside(schema: z.ZodType, value: unknown, at: string): Fault[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) {
    return brokenRules(schema.unwrap() as z.ZodType, value, at)
  }
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([key, member]) =>
      brokenRules(member as z.ZodType, (value as Record<string, unknown>)[key], `${at}.${key}`),
    )
  }
  if (schema instanceof z.ZodArray) {
    return (value as readonly unknown[]).flatMap((item, index) =>
      brokenRules(schema.element as z.ZodType, item, `${at}[${index}]`),
    )
  }
  return []
}
