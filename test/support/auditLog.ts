import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import type { Permission } from '../../api/permissions.ts'

const entrySchema = z.object({
  verb: z.string(),
  user: z.object({ username: z.string() }),
  objectRef: z
    .object({
      resource: z.string(),
      apiGroup: z.string().default(''),
      subresource: z.string().optional(),
      namespace: z.string().default(''),
      name: z.string().default(''),
    })
    .optional(),
  responseStatus: z.object({ code: z.number().default(0) }).optional(),
})

/** A request to the API server, as rights are granted for it. */
export interface UsedRight {
  readonly group: string
  /** Plural, with a subresource after a slash. */
  readonly resource: string
  readonly verb: string
  /** '' for all namespaces, and for what has none. */
  readonly namespace: string
  /** '' for lists. */
  readonly name: string
}

/** What was created by a server-side apply, for which the API server asks for the right to create as well. */
const created = 201

/** The rights that a user has used or asked for, each kind once, of an API server's audit log. */
export async function usedRights(auditLog: string, username: string): Promise<UsedRight[]> {
  const rights = new Map<string, UsedRight>()
  for await (const line of createInterface({ input: createReadStream(auditLog) })) {
    const { user, verb, objectRef, responseStatus } = entrySchema.parse(JSON.parse(line))
    if (user.username !== username || objectRef === undefined) continue
    const { apiGroup: group, resource, subresource, namespace, name } = objectRef
    const path = subresource === undefined ? resource : `${resource}/${subresource}`
    const verbs = verb === 'patch' && responseStatus?.code === created ? [verb, 'create'] : [verb]
    for (const used of verbs) {
      const right = { group, resource: path, verb: used, namespace, name }
      rights.set(JSON.stringify(right), right)
    }
  }
  return [...rights.values()]
}

/** Whether a permission of the table covers a request. */
export function covers(
  permission: Permission,
  verb: string,
  used: UsedRight,
  operatorNamespace: string,
): boolean {
  const { scope, group, resource, verbs, resourceNames } = permission
  return (
    group === used.group &&
    resource === used.resource &&
    verb === used.verb &&
    verbs.includes(verb) &&
    (scope === 'cluster' || used.namespace === operatorNamespace) &&
    (resourceNames === undefined || resourceNames.includes(used.name))
  )
}
