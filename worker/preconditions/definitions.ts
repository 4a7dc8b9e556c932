import { KubeError } from '../../activities/kube/errors.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import { modules, nodeModulesConfigs } from '../../activities/kube/resources.ts'
import { apiVersion, group } from '../../api/names.ts'
import type { CheckResult, Precondition } from './precondition.ts'

const needed = [modules, nodeModulesConfigs].map(({ plural }) => plural)

interface ResourceList {
  readonly resources?: readonly { readonly name: string }[]
}

/** The API server serves Modules and NodeModulesConfigs, by its discovery, which every account may read. */
export function definitions({ transport }: Pick<Kube, 'transport'>): Precondition {
  async function served(signal: AbortSignal): Promise<readonly string[]> {
    try {
      const path = `/apis/${apiVersion}`
      const { resources } = await transport.json<ResourceList>({
        verb: 'get',
        resource: 'apis',
        path,
        signal,
      })
      return resources?.map(({ name }) => name) ?? []
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return []
      throw error
    }
  }
  return {
    name: 'CustomResourceDefinitions',
    async check(signal): Promise<CheckResult> {
      const found = await served(signal)
      const missing = needed.filter((plural) => !found.includes(plural)).map((plural) => `${plural}.${group}`)
      if (missing.length === 0) return { kind: 'met' }
      return {
        kind: 'unmet',
        reason: 'DefinitionsMissing',
        message: `the cluster does not serve ${apiVersion}: CustomResourceDefinition ${missing.join(', ')} missing`,
        fix:
          'install them with "kubectl apply --server-side -k deploy/crds", or "helm upgrade" of the chart with ' +
          'crds.enabled=true; the operator goes on by itself then',
      }
    },
  }
}
