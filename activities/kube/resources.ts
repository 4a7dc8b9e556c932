import type {
  V1ConfigMap,
  CoreV1Event,
  V1DaemonSet,
  V1Deployment,
  V1Lease,
  V1Namespace,
  V1Node,
  V1Pod,
  V1Secret,
  V1ServiceAccount,
} from '@kubernetes/client-node'
import { apiVersion as kmm } from '../../api/names.ts'

/**
 * An object as it stands in JSON: client-node's types with dates as ISO strings. We read JSON ourselves, because
 * the generated clients turn dates into Date objects (watches do not) and drop fields they do not know.
 */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [Key in keyof T]: Wire<T[Key]> }
      : T

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** Metadata of an object the API server holds; times are ISO strings. */
export interface StoredMetadata {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
  readonly managedFields?: readonly unknown[]
}

/** Any object the API server holds. */
export interface StoredObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: StoredMetadata
}

type Stored<T> = Omit<Wire<T>, 'metadata'> & StoredObject

export type Pod = Stored<V1Pod>
export type Node = Stored<V1Node>
export type Namespace = Stored<V1Namespace>
export type ConfigMap = Stored<V1ConfigMap>
export type Secret = Stored<V1Secret>
export type ServiceAccount = Stored<V1ServiceAccount>
export type Lease = Stored<V1Lease>
export type DaemonSet = Stored<V1DaemonSet>
export type Deployment = Stored<V1Deployment>
export type Event = Stored<CoreV1Event>
/** A custom resource, to be parsed with its zod schema before use. */
export type CustomObject = StoredObject & { readonly spec?: unknown; readonly status?: unknown }

/** A kind of object and where it lives; `T` is what the API server answers. */
export interface Resource<T extends StoredObject> {
  readonly apiVersion: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  /** Only carries the type. */
  readonly type?: T
}

function resource<T extends StoredObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  scope: 'Namespaced' | 'Cluster',
): Resource<T> {
  return { apiVersion, kind, plural, namespaced: scope === 'Namespaced' }
}

export const pods = resource<Pod>('v1', 'Pod', 'pods', 'Namespaced')
export const nodes = resource<Node>('v1', 'Node', 'nodes', 'Cluster')
export const namespaces = resource<Namespace>('v1', 'Namespace', 'namespaces', 'Cluster')
export const configMaps = resource<ConfigMap>('v1', 'ConfigMap', 'configmaps', 'Namespaced')
export const secrets = resource<Secret>('v1', 'Secret', 'secrets', 'Namespaced')
export const serviceAccounts = resource<ServiceAccount>(
  'v1',
  'ServiceAccount',
  'serviceaccounts',
  'Namespaced',
)
export const leases = resource<Lease>('coordination.k8s.io/v1', 'Lease', 'leases', 'Namespaced')
export const daemonSets = resource<DaemonSet>('apps/v1', 'DaemonSet', 'daemonsets', 'Namespaced')
export const deployments = resource<Deployment>('apps/v1', 'Deployment', 'deployments', 'Namespaced')
export const events = resource<Event>('v1', 'Event', 'events', 'Namespaced')
export const modules = resource<CustomObject>(kmm, 'Module', 'modules', 'Namespaced')
export const nodeModulesConfigs = resource<CustomObject>(
  kmm,
  'NodeModulesConfig',
  'nodemodulesconfigs',
  'Cluster',
)

const known: readonly Resource<StoredObject>[] = [
  pods,
  nodes,
  namespaces,
  configMaps,
  secrets,
  serviceAccounts,
  leases,
  daemonSets,
  deployments,
  events,
  modules,
  nodeModulesConfigs,
]

/** The resource of an object's apiVersion and kind. Throws for a kind that is not in this file. */
export function resourceOf(object: {
  readonly apiVersion: string
  readonly kind: string
}): Resource<StoredObject> {
  const found = known.find((item) => item.apiVersion === object.apiVersion && item.kind === object.kind)
  if (found === undefined)
    throw new Error(`no resource for kind ${object.kind} of ${object.apiVersion}: add it to resources.ts`)
  return found
}

/** Where an object is: `namespace` for namespaced kinds only. */
export interface ObjectRef {
  readonly namespace?: string
  readonly name: string
}

/** `namespace/name`, or `name` for cluster-scoped kinds: the key in caches and queues. */
export function keyOf(object: StoredObject): string {
  return refKey(object.metadata)
}
export function refKey({ namespace, name }: ObjectRef): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** Path of a kind (in one namespace or in all), or of one object, or of its subresource. */
export function pathOf(
  resource: Resource<StoredObject>,
  at: { readonly namespace?: string; readonly name?: string; readonly subresource?: string },
): string {
  if (at.name !== undefined && resource.namespaced !== (at.namespace !== undefined))
    throw new Error(`${resource.kind} ${at.name}: ${resource.namespaced ? 'needs a' : 'has no'} namespace`)
  return [
    resource.apiVersion.includes('/') ? '/apis' : '/api',
    resource.apiVersion,
    ...(at.namespace === undefined ? [] : ['namespaces', encodeURIComponent(at.namespace)]),
    resource.plural,
    ...(at.name === undefined ? [] : [encodeURIComponent(at.name)]),
    ...(at.subresource === undefined ? [] : [at.subresource]),
  ].join('/')
}
