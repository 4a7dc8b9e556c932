import { parseConfig, type ParsedConfig } from '../../api/config.ts'
import type { ConfigMapObject } from '../../api/kubernetesObjects.ts'
import { operatorName } from '../../api/permissions.ts'
import type { Cluster } from '../kube/cluster.ts'
import { ForbiddenError } from '../kube/errors.ts'
import { type DeploymentObject, kinds, type Place, type StoredObject } from '../kube/resources.ts'

/** Where deploy/ has the operator's configuration, unless the Deployment names another. */
export const operatorConfigMap = 'kmm-operator-manager-config'
const container = 'operator'
const mountPath = '/etc/kmm/config'
const key = 'controller_config.yaml'

/** The operator's configuration, as far as this user may read what it is made from. */
export interface OperatorConfiguration {
  /** Name of the ConfigMap. */
  readonly configMap: string
  readonly parsed: ParsedConfig
  /** Was the environment of the Deployment read? It gives what the ConfigMap leaves out. */
  readonly withEnvironment: boolean
}

/** Undefined where neither ConfigMap nor Deployment is, or the ConfigMap may not be read by this user. */
export async function readOperatorConfiguration(
  cluster: Cluster,
  namespace: string,
): Promise<OperatorConfiguration | undefined> {
  const deployment = await getAllowed<DeploymentObject>(cluster, kinds.deployments, {
    namespace,
    name: operatorName,
  })
  const found = deployment === 'forbidden' ? undefined : deployment
  const configMap = configMapOf(found) ?? operatorConfigMap
  const stored = await getAllowed<StoredObject & ConfigMapObject>(cluster, kinds.configMaps, {
    namespace,
    name: configMap,
  })
  if (stored === 'forbidden' || (stored === undefined && found === undefined)) return undefined
  const parsed = parseConfig(stored?.data?.[key] ?? '', environmentOf(found))
  return { configMap, parsed, withEnvironment: found !== undefined }
}

async function getAllowed<T extends StoredObject>(
  cluster: Cluster,
  kind: Parameters<Cluster['get']>[0],
  place: Place,
): Promise<T | undefined | 'forbidden'> {
  try {
    return await cluster.get<T>(kind, place)
  } catch (error) {
    if (error instanceof ForbiddenError) return 'forbidden'
    throw error
  }
}

function podSpecOf(deployment: DeploymentObject | undefined) {
  const { containers = [], volumes = [] } = deployment?.spec?.template?.spec ?? {}
  return { operator: containers.find(({ name }) => name === container) ?? containers[0], volumes }
}

function configMapOf(deployment: DeploymentObject | undefined): string | undefined {
  const { operator, volumes } = podSpecOf(deployment)
  const mount = operator?.volumeMounts?.find((its) => its.mountPath === mountPath)
  return volumes.find(({ name }) => name === mount?.name)?.configMap?.name
}

function environmentOf(deployment: DeploymentObject | undefined): Record<string, string | undefined> {
  const { operator } = podSpecOf(deployment)
  return Object.fromEntries((operator?.env ?? []).map(({ name, value }) => [name, value]))
}
