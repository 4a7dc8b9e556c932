import { parseConfig, type OperatorConfig } from '../../api/config.ts'
import type { ConfigMapObject } from '../../api/kubernetesObjects.ts'
import type { Cluster } from '../kube/cluster.ts'
import { ForbiddenError } from '../kube/errors.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'

/** Where deploy/ has the operator's configuration. */
export const operatorConfigMap = 'kmm-operator-manager-config'
const key = 'controller_config.yaml'

/** The operator's configuration; undefined where it is not, cannot be read, or may not be by this user. */
export async function readOperatorConfig(
  cluster: Cluster,
  namespace: string,
): Promise<OperatorConfig | undefined> {
  try {
    const place = { namespace, name: operatorConfigMap }
    const found = await cluster.get<StoredObject & ConfigMapObject>(kinds.configMaps, place)
    const text = found?.data?.[key]
    const parsed = text === undefined ? undefined : parseConfig(text)
    return parsed?.ok === true ? parsed.config : undefined
  } catch (error) {
    if (error instanceof ForbiddenError) return undefined
    throw error
  }
}
