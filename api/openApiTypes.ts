/** A JSON schema as the API server takes it in a CustomResourceDefinition, or as it gives it in its OpenAPI document. */
export interface JsonSchema {
  [keyword: string]: unknown
}

/** Schemas by name, such as `io.k8s.api.core.v1.Toleration`. */
export type SchemasByName = Readonly<Record<string, JsonSchema>>

const referencePrefix = '#/components/schemas/'

/** What stands for a type whose OpenAPI schema does not say what JSON it is. */
const specialTypes: SchemasByName = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { 'x-kubernetes-int-or-string': true },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { 'x-kubernetes-int-or-string': true },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
  },
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
  },
  // Programs in Go write a null for the time that a template does not have.
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': { type: 'string', format: 'date-time', nullable: true },
}

/** Keywords that say what a value looks like; the rest is for clients, or Kubernetes' own text. */
const keptKeywords = new Set([
  'type',
  'format',
  'required',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
])

/**
 * The structural schema of a type of the API server's OpenAPI v3 document, with all references replaced. Without
 * descriptions (they are long), without enums (a later Kubernetes adds to them) and without defaults that are only
 * Go's zero values.
 * @throws Error for a name that is not in `schemas`
 */
export function structuralSchema(schemas: SchemasByName, name: string): JsonSchema {
  const special = specialTypes[name]
  if (special !== undefined) return { ...special }
  const schema = schemas[name]
  if (schema === undefined) throw new Error(`the OpenAPI document has no type ${name}`)
  return structural(schemas, schema)
}

function structural(schemas: SchemasByName, schema: JsonSchema): JsonSchema {
  const { $ref, allOf, properties, additionalProperties, items } = schema
  if (typeof $ref === 'string') return structuralSchema(schemas, $ref.slice(referencePrefix.length))
  const inherited = Array.isArray(allOf)
    ? Object.assign({}, ...allOf.map((part: JsonSchema) => structural(schemas, part)))
    : {}
  const own = Object.fromEntries(Object.entries(schema).filter(([keyword]) => keptKeywords.has(keyword)))
  return {
    ...inherited,
    ...own,
    ...(isZero(schema['default']) ? {} : { default: schema['default'] }),
    ...(isSchema(items) ? { items: structural(schemas, items) } : {}),
    ...(isSchema(additionalProperties)
      ? { additionalProperties: structural(schemas, additionalProperties) }
      : {}),
    ...(isSchema(properties)
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, property]) => [
              key,
              structural(schemas, property as JsonSchema),
            ]),
          ),
        }
      : {}),
  }
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null
}

function isZero(value: unknown): boolean {
  return (
    value === undefined ||
    value === '' ||
    value === 0 ||
    value === false ||
    (isSchema(value) && Object.keys(value).length === 0)
  )
}
