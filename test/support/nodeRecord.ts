import type { Kube } from '../../activities/kube/kube.ts'
import { nodeModulesConfigs } from '../../activities/kube/resources.ts'
import type { ModuleRef } from '../../api/names.ts'
import { nodeModulesConfigSchema, recordEntries } from '../../api/nodeModulesConfig.ts'

/** What the record of a node says of a Module, if there is one. */
export async function recordedOn({ kube }: { readonly kube: Kube }, node: string, ref: ModuleRef) {
  const record = await kube.get(nodeModulesConfigs, { name: node })
  return recordEntries(record && nodeModulesConfigSchema.parse(record), ref)
}
