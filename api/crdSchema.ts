import { z } from 'zod'
import type { JsonSchema, SchemasByName } from './openApiTypes.ts'
import type { Rule } from './rules.ts'

const typeKeyword = 'x-kubernetes-type'
/** Greatest lengths of fields of a type of Kubernetes, by name: rules on the type need them for their cost. */
const lengthsKeyword = 'x-kubernetes-max-lengths'
const rulesKeyword = 'x-kubernetes-validations'

/**
 * The structural schema that a CustomResourceDefinition needs, from a zod schema (what is applied, before defaults).
 * Fields of Kubernetes' own types take their schema from `kubernetesTypes`.
 * @throws Error for a type that `kubernetesTypes` lacks
 */
export function crdSchema(schema: z.ZodType, kubernetesTypes: SchemasByName): JsonSchema {
  const { $schema: _, ...structural } = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    override: ({ jsonSchema }) => makeStructural(jsonSchema as JsonSchema, kubernetesTypes),
  })
  return structural
}

/** What the API server refuses of zod's output is left out; see the comments. */
function makeStructural(schema: JsonSchema, kubernetesTypes: SchemasByName): void {
  takeCelRules(schema)
  const name = schema[typeKeyword]
  if (typeof name === 'string') {
    const type = kubernetesTypes[name]
    if (type === undefined) throw new Error(`kubernetesTypes.json lacks ${name}: see generate.ts`)
    const { description, [rulesKeyword]: celRules, [lengthsKeyword]: lengths } = schema
    for (const keyword of Object.keys(schema)) delete schema[keyword]
    Object.assign(schema, {
      ...(description === undefined ? {} : { description }),
      ...withLengths(type, (lengths ?? {}) as Readonly<Record<string, number>>),
      ...(celRules === undefined ? {} : { [rulesKeyword]: celRules }),
    })
    return
  }
  // A loose object is one that drops unknown fields: the two keywords exclude each other.
  if (schema['properties'] !== undefined) delete schema['additionalProperties']
  if (schema['type'] === 'integer') boundInteger(schema)
  // The format says it, and the pattern of zod is long.
  if (schema['format'] === 'date-time') delete schema['pattern']
}

/** Of our rules the API server gets what is CEL. */
function takeCelRules(schema: JsonSchema): void {
  const rules = schema[rulesKeyword] as readonly Rule<unknown>[] | undefined
  if (rules === undefined) return
  const cel = rules.filter(({ rule }) => rule !== undefined)
  delete schema[rulesKeyword]
  if (cel.length > 0) schema[rulesKeyword] = cel.map(({ id: _id, holds: _holds, ...rule }) => rule)
}

function withLengths(type: JsonSchema, lengths: Readonly<Record<string, number>>): JsonSchema {
  const copy = structuredClone(type)
  const properties = copy['properties'] as Record<string, JsonSchema> | undefined
  for (const [name, maxLength] of Object.entries(lengths))
    Object.assign(properties?.[name] ?? {}, { maxLength })
  return copy
}

/** zod gives every integer the bounds of a JavaScript number; int32 and int64 are what Kubernetes knows. */
function boundInteger(schema: JsonSchema): void {
  const int32 = schema['maximum'] === 2_147_483_647
  schema['format'] = int32 ? 'int32' : 'int64'
  for (const bound of ['minimum', 'maximum'] as const) {
    const value = Number(schema[bound])
    const natural = int32
      ? [-2_147_483_648, 2_147_483_647]
      : [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
    if (natural.includes(value)) delete schema[bound]
  }
}

/** Names of Kubernetes' types that the schema holds. */
export function kubernetesTypeNames(schema: z.ZodType): string[] {
  const names = new Set<string>()
  z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      const name = (jsonSchema as JsonSchema)[typeKeyword]
      if (typeof name === 'string') names.add(name)
    },
  })
  return [...names]
}
