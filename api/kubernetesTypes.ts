import { z } from 'zod'
import { objectNameRule } from './nameRules.ts'
import { ruled } from './rules.ts'

/**
 * A field of one of Kubernetes' own types: passed on and never looked into here. `name` is its name in the API
 * server's OpenAPI document, from which generate.ts takes the structural schema.
 */
export function kubernetesType(name: string, description: string) {
  return z.looseObject({}).meta({ description, 'x-kubernetes-type': name })
}

/** The name of an object in the Module's own namespace. */
export function localReference(description: string) {
  return z.looseObject({ name: z.string().default('').describe('Name of the object.') }).meta({ description })
}

/** The same in a Module, where the name must be one that an object can have; empty where nothing is meant. */
export function namedObject(description: string) {
  const name = z.string().default('')
  return z
    .looseObject({
      name: name.meta({ description: 'Name of the object.', maxLength: 253, ...ruled(objectNameRule) }),
    })
    .meta({ description })
}

/** core/v1 Toleration, typed because node eligibility depends on it. */
export const tolerationSchema = z
  .looseObject({
    key: z.string().optional(),
    operator: z.string().optional(),
    value: z.string().optional(),
    effect: z.string().optional(),
    tolerationSeconds: z.int().optional(),
  })
  .meta({ 'x-kubernetes-type': 'io.k8s.api.core.v1.Toleration' })
export type Toleration = z.infer<typeof tolerationSchema>

/** core/v1 Taint, as far as eligibility needs it. */
export interface Taint {
  readonly key: string
  readonly value?: string | undefined
  readonly effect: string
}

/** A time: RFC 3339 text as in JSON, or the Date some clients make of it. */
const timeSchema = z.union([z.string(), z.date().transform((date) => date.toISOString())])

/** ObjectMeta as far as the project reads it. */
export const objectMetaSchema = z.looseObject({
  name: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.int().optional(),
  creationTimestamp: timeSchema.optional(),
  deletionTimestamp: timeSchema.optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  finalizers: z.array(z.string()).optional(),
})
