import type { NodeObject, PodObject } from '../../api/kubernetesObjects.ts'
import { clusterNameOf, labels } from '../../api/names.ts'
import { readOperatorConfiguration } from '../cluster/operatorConfig.ts'
import { ownPods } from '../cluster/read.ts'
import type { Cluster } from '../kube/cluster.ts'
import { isAbsent, resourceName } from '../kube/errors.ts'
import { kinds, type Kind, type LeaseObject, type Place, type StoredObject } from '../kube/resources.ts'
import {
  daemonSetKind,
  definitionKind,
  helmAnnotations,
  installationKinds,
  isMissed,
  isOfInstallation,
  isOwnDefinition,
} from './installation.ts'

/** As much of a Deployment as matters here. */
export interface DeploymentObject extends StoredObject {
  readonly spec: {
    readonly replicas?: number
    readonly selector: { readonly matchLabels?: Readonly<Record<string, string>> }
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly name: string
          readonly env?: readonly { readonly name: string; readonly value?: string }[]
        }[]
      }
    }
  }
  readonly status?: { readonly readyReplicas?: number }
}

export type PodOfCluster = StoredObject & PodObject
export type NodeOfCluster = StoredObject & NodeObject

/** Metadata of an object with the kind it was listed as. */
export interface Listed extends StoredObject {
  readonly of: Kind
}

/** Everything of ours in a cluster, as the API server has it. */
export interface UninstallSnapshot {
  readonly server: string
  /** Milliseconds since 1970 by the API server's clock. */
  readonly now: number
  readonly operatorNamespace: string
  /** Deployments with our labels in all namespaces; KMM's have the same. */
  readonly deployments: readonly DeploymentObject[]
  readonly operatorPods: readonly PodOfCluster[]
  /** The Lease of the leader; `election`: whether one is used. */
  readonly lease: LeaseObject | undefined
  readonly election: boolean
  /** The cluster's name in workflow ids. */
  readonly cluster: string
  readonly modules: readonly StoredObject[]
  readonly records: readonly StoredObject[]
  readonly nodes: readonly NodeOfCluster[]
  /** Build, sign, pull and worker pods, and DaemonSets of Modules. */
  readonly pods: readonly PodOfCluster[]
  readonly daemonSets: readonly StoredObject[]
  /** With the label that keeps them from being deleted. */
  readonly namespaces: readonly StoredObject[]
  /** The leader's and those of claims. */
  readonly leases: readonly StoredObject[]
  readonly installation: readonly Listed[]
  readonly definitions: readonly StoredObject[]
  /** Helm's record of the release, when there is one. */
  readonly release: { readonly name: string; readonly namespace: string } | undefined
  readonly namespace: StoredObject | undefined
  /** What is in the operator's namespace and not ours, as `secrets/name`. */
  readonly others: readonly string[]
}

/** The operator's container, which distinguishes its Deployment from KMM's. */
export function isOperator({ spec }: DeploymentObject): boolean {
  return spec.template.spec.containers.some(({ name }) => name === 'operator')
}

/** The operator's Deployment in the namespace that is looked at. */
export function operatorOf(
  snapshot: Pick<UninstallSnapshot, 'deployments' | 'operatorNamespace'>,
): DeploymentObject | undefined {
  const { deployments, operatorNamespace } = snapshot
  return deployments.find((found) => isOperator(found) && found.metadata.namespace === operatorNamespace)
}

/** Reads what there is to uninstall. Throws ForbiddenError and ApiError. */
export async function readSnapshot(cluster: Cluster, operatorNamespace: string): Promise<UninstallSnapshot> {
  const namespace = operatorNamespace
  const own = { labelSelector: ownPods }
  const read = await readOperatorConfiguration(cluster, namespace)
  const config = read?.parsed.ok === true ? read.parsed.config : undefined
  const leaderLease = config?.leaderElection.resourceID ?? 'kmm.sigs.x-k8s.io'
  const [objects, pods, leases, deployments, listed, definitions, operatorNamespaceObject, system] =
    await Promise.all([
      readModules(cluster),
      cluster.list<PodOfCluster>(kinds.pods, {}, own),
      cluster.list<LeaseObject>(kinds.leases, { namespace }),
      cluster.list<DeploymentObject>(kinds.deployments, {}, own),
      listInstallation(cluster, namespace),
      cluster.list<StoredObject>(definitionKind, {}, {}, 'identity'),
      cluster.get<StoredObject>(kinds.namespaces, { name: namespace }),
      cluster.get<StoredObject>(kinds.namespaces, { name: 'kube-system' }),
    ])
  const installation = listed.filter(isOfInstallation)
  const operator = operatorOf({ deployments: deployments.items, operatorNamespace })
  const inNamespace = await cluster.list<PodOfCluster>(kinds.pods, { namespace })
  const isOfOperator = ({ metadata }: StoredObject) =>
    metadata.namespace === namespace && operator !== undefined && selects(operator, metadata.labels ?? {})
  return {
    server: cluster.server,
    now: cluster.now(),
    operatorNamespace,
    deployments: deployments.items,
    operatorPods: inNamespace.items.filter(isOfOperator),
    lease: leases.items.find(({ metadata }) => metadata.name === leaderLease),
    election: config?.leaderElection.enabled ?? true,
    cluster: config?.temporal.clusterName ?? (system === undefined ? '' : clusterNameOf(system.metadata.uid)),
    ...objects,
    pods: pods.items.filter(isOfModule),
    leases: leases.items.filter(
      ({ metadata }) => metadata.name === leaderLease || metadata.labels?.[labels.partOf] === 'kmm',
    ),
    installation,
    definitions: definitions.items.filter(({ metadata }) => isOwnDefinition(metadata.name)),
    release: await readRelease(cluster, installation),
    namespace: operatorNamespaceObject,
    others: [
      ...inNamespace.items
        .filter(({ metadata }) => metadata.labels?.[labels.partOf] !== 'kmm')
        .map((pod) => ({ ...pod, of: kinds.pods })),
      ...listed.filter((object) => !isOfInstallation(object) && isMissed(object.of, object)),
    ].map(({ of, metadata }) => `${resourceName(of)}/${metadata.name}`),
  }
}

async function readModules(cluster: Cluster) {
  const listed = async <T extends StoredObject>(kind: Kind, selector?: string) =>
    await listOrNone<T>(cluster, kind, {}, selector)
  const [modules, records, nodes, namespaces, daemonSets] = await Promise.all([
    listed<StoredObject>(kinds.modules),
    listed<StoredObject>(kinds.nodeModulesConfigs),
    listed<NodeOfCluster>(kinds.nodes),
    listed<StoredObject>(kinds.namespaces, labels.containsModules),
    listed<StoredObject>(daemonSetKind, labels.moduleName),
  ])
  return { modules, records, nodes, namespaces, daemonSets }
}

/** Objects of the kinds of an installation: all in the namespace, and those of the cluster with our label. */
async function listInstallation(cluster: Cluster, namespace: string): Promise<Listed[]> {
  const found = await Promise.all(
    installationKinds.map(async (kind) => {
      const selector = kind.namespaced ? undefined : ownPods
      const items = await listOrNone<StoredObject>(cluster, kind, { namespace }, selector, 'identity')
      return items.map((object): Listed => ({ ...object, of: kind }))
    }),
  )
  return found.flat()
}

/** Objects of a kind; none when the API server does not serve it. */
async function listOrNone<T extends StoredObject>(
  cluster: Cluster,
  kind: Kind,
  place: Place,
  labelSelector: string | undefined,
  part?: 'identity',
): Promise<readonly T[]> {
  try {
    return (await cluster.list<T>(kind, place, { labelSelector }, part)).items
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

/** The release that the objects name, as long as Helm itself knows it: else `helm uninstall` would not find it. */
async function readRelease(cluster: Cluster, installation: readonly Listed[]) {
  const annotated = installation.find(({ metadata }) => metadata.annotations?.[helmAnnotations.name])
  const { [helmAnnotations.name]: name, [helmAnnotations.namespace]: namespace } =
    annotated?.metadata.annotations ?? {}
  if (name === undefined || namespace === undefined) return undefined
  const labelSelector = `owner=helm,name=${name}`
  const { items } = await cluster.list(kinds.secrets, { namespace }, { labelSelector }, 'identity')
  return items.length === 0 ? undefined : { name, namespace }
}

/** A pod that the operator made for a Module; its own are none. */
function isOfModule({ metadata }: StoredObject): boolean {
  const of = [labels.moduleName, labels.resourceType, labels.workerAction, labels.imageOwner]
  return of.some((label) => metadata.labels?.[label] !== undefined)
}

function selects({ spec }: DeploymentObject, of: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(spec.selector.matchLabels ?? {})
  return wanted.length > 0 && wanted.every(([key, value]) => of[key] === value)
}

/** Rights that reading takes; `namespace` is the operator's. */
export function readRights(namespace: string): readonly { verb: string; kind: Kind; namespace?: string }[] {
  const everywhere = [
    kinds.modules,
    kinds.nodeModulesConfigs,
    kinds.nodes,
    kinds.namespaces,
    kinds.pods,
    kinds.deployments,
    daemonSetKind,
    definitionKind,
  ]
  return [
    ...everywhere.map((kind) => ({ verb: 'list', kind })),
    { verb: 'get', kind: kinds.namespaces },
    { verb: 'get', kind: kinds.configMaps, namespace },
    { verb: 'list', kind: kinds.leases, namespace },
    ...installationKinds.map((kind) => ({ verb: 'list', kind, ...(kind.namespaced ? { namespace } : {}) })),
  ]
}
