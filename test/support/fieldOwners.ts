import { z } from 'zod'
import { modules } from '../../activities/kube/resources.ts'
import type { Scenario } from './scenario.ts'

const managedFieldsSchema = z.array(
  z.looseObject({
    manager: z.string(),
    subresource: z.string().optional(),
    fieldsV1: z.record(z.string(), z.unknown()),
  }),
)

/** Who owns which field of a Module's status, as the API server says it: paths of values, by field manager. */
export async function statusOwners(story: Scenario, name: string): Promise<Record<string, string[]>> {
  const object = await story.lab.kube.get(modules, { namespace: story.namespace, name })
  const entries = managedFieldsSchema.parse(object?.metadata.managedFields)
  const ofStatus = entries.filter(({ subresource }) => subresource === 'status')
  return Object.fromEntries(ofStatus.map(({ manager, fieldsV1 }) => [manager, leaves(fieldsV1)]))
}

function leaves(value: unknown, path = ''): string[] {
  const members = Object.entries(value as object)
  return members.length === 0 ? [path] : members.flatMap(([key, member]) => leaves(member, `${path}/${key}`))
}
