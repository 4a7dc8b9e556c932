import { z } from 'zod'
import { isKernelRelease } from './nodeForm.ts'
import type { PodObject } from './kubernetesObjects.ts'
import { annotations, labels } from './names.ts'

/**
 * The one edge through which pods come in: whoever may create a pod writes its labels and annotations, and what runs
 * in it writes its messages. A field that is not of its form is absent, a text is cut, numbers are integers in range,
 * and nothing else of the object is kept. The limits of texts are in characters.
 */
const limits = {
  name: 253,
  /** Kubelets cut a container's termination message at 4,096 bytes. */
  message: 4096,
  reason: 128,
  image: 1024,
  /** All annotations of an object together have at most 256 KiB. */
  command: 262_144,
  secretVersions: 65_536,
  containers: 64,
  conditions: 64,
} as const

const word = (pattern: RegExp, max: number) => z.string().max(max).regex(pattern)
const optional = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined)
const cut = (max: number) => z.string().transform((text) => text.slice(0, max))
const name = z.string().max(limits.name)
const time = z.iso.datetime({ offset: true })
const reason = word(/^[A-Za-z0-9./_-]+$/u, limits.reason)
const message = cut(limits.message)
const hash = word(/^[0-9a-f]+$/u, 63)
const image = word(/^[\x21-\x7e]+$/u, limits.image)

/** Which Secrets a build pod was made with: uid and resourceVersion by name. */
export const secretVersionsSchema = z
  .record(name, word(/^[A-Za-z0-9-]+\/[A-Za-z0-9-]*$/u, limits.name))
  .refine((versions) => Object.keys(versions).length <= 256)

const secretVersionsText = z
  .string()
  .max(limits.secretVersions)
  .refine((text) => secretVersionsSchema.safeParse(jsonOf(text)).success)

const labelFields = {
  [labels.moduleName]: optional(name),
  [labels.resourceType]: optional(z.enum(['BuildImage', 'SignImage'])),
  [labels.workerAction]: optional(z.enum(['Load', 'Unload'])),
  [labels.moduleUid]: optional(word(/^[A-Za-z0-9-]+$/u, 63)),
  [labels.inputHash]: optional(hash),
  [labels.configHash]: optional(hash),
  [labels.attempt]: optional(word(/^[1-9][0-9]*$/u, 6)),
}

const annotationFields = {
  [annotations.kernel]: optional(z.string().refine(isKernelRelease)),
  [annotations.image]: optional(image),
  [annotations.unsignedImage]: optional(image),
  [annotations.secretVersions]: optional(secretVersionsText),
  [annotations.workerConfig]: optional(z.string().max(limits.command)),
  [annotations.workerHash]: optional(hash),
}

const containerStatusSchema = z.object({
  name,
  state: optional(
    z.object({
      waiting: optional(z.object({ reason: optional(reason), message: optional(message) })),
      running: optional(z.object({})),
      terminated: optional(
        z.object({
          exitCode: z.int32(),
          reason: optional(reason),
          message: optional(message),
          finishedAt: optional(time),
        }),
      ),
    }),
  ),
})

const containerSchema = z.object({
  name,
  command: optional(z.array(cut(limits.name)).transform(first)),
  args: optional(z.array(cut(limits.name)).transform(first)),
  securityContext: optional(
    z.object({
      capabilities: optional(z.object({ add: optional(z.array(cut(limits.name)).transform(first)) })),
    }),
  ),
})

const conditionSchema = z.object({
  type: name,
  status: name,
  reason: optional(reason),
  message: optional(message),
  lastTransitionTime: optional(time),
})

const podSchema = z.object({
  metadata: z.object({
    name,
    namespace: optional(name),
    uid: name,
    resourceVersion: name,
    creationTimestamp: optional(time),
    // That it is there is what counts.
    deletionTimestamp: optional(cut(limits.reason)),
    labels: optional(z.object(labelFields)),
    annotations: optional(z.object(annotationFields)),
  }),
  spec: optional(z.object({ nodeName: optional(name), containers: optional(listOf(containerSchema)) })),
  status: optional(
    z.object({
      phase: optional(name),
      reason: optional(reason),
      message: optional(message),
      conditions: optional(listOf(conditionSchema)),
      initContainerStatuses: optional(listOf(containerStatusSchema)),
      containerStatuses: optional(listOf(containerStatusSchema)),
    }),
  ),
})

/** So many items of a list count, and those that are not of their form do not. */
function listOf<T>(item: z.ZodType<T>) {
  return z
    .array(z.unknown())
    .transform((items) => first(items).flatMap((value) => item.safeParse(value).data ?? []))
}

function first<T>(items: readonly T[]): T[] {
  return items.slice(0, limits.containers)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What may be known of a pod, within its bounds; throws for an object that has no name, uid or version. */
export function boundedPod(pod: PodObject): PodObject {
  return withoutAbsent(podSchema.parse(pod)) as PodObject
}

/** Absent fields of a form are left out, and not there as undefined. */
function withoutAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAbsent)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members.map(([key, member]) => [key, withoutAbsent(member)]))
}
