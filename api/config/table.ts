import { z } from 'zod'
import { markdownTable } from '../markdownTable.ts'
import { variables } from './environment.ts'
import type { Effect } from './fields.ts'
import { configSchema } from './schema.ts'
import { unwrap } from './shape.ts'

interface Row {
  readonly key: string
  readonly defaultText: string
  readonly variable: string
  readonly meaning: string
  readonly effect: Effect
}

/** Every key of the configuration. Throws for a key without a description. */
function configRows(): Row[] {
  return rowsOf(configSchema, [], undefined)
}

function rowsOf(wrapped: z.ZodType, path: readonly string[], inherited: Effect | undefined): Row[] {
  const { schema, defaultValue, meta } = unwrap(wrapped)
  const { description, defaultText, effect = inherited } = meta
  if (schema instanceof z.ZodObject && description === undefined) {
    return Object.entries(schema.shape).flatMap(([key, member]) =>
      rowsOf(member as z.ZodType, [...path, key], effect),
    )
  }
  const key = path.join('.')
  if (description === undefined || effect === undefined)
    throw new Error(`${key} has no description or effect`)
  const variable = variables.find((its) => its.path.join('.') === key)?.name
  return [
    {
      key: code(key),
      defaultText: defaultText ?? defaultWords(defaultValue),
      variable: variable === undefined ? '' : code(variable),
      meaning: description,
      effect,
    },
  ]
}

function defaultWords(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return 'none'
  return code(typeof value === 'string' ? value : JSON.stringify(value))
}

const code = (word: string) => `\`${word}\``

/** The reference of all keys as a Markdown table. */
export function configTable(): string {
  const rows = configRows().map(({ key, defaultText, variable, meaning, effect }) => [
    key,
    defaultText,
    variable,
    meaning,
    effect,
  ])
  return markdownTable([['Key', 'Default', 'Environment variable', 'Meaning', 'Takes effect'], ...rows])
}
