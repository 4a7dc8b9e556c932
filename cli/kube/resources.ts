import type { ObjectMetadata } from '../../api/kubernetesObjects.ts'
import { admissionGroup } from '../../api/guardingPolicies.ts'
import { group, version } from '../../api/names.ts'

/** A kind of object and where the API server has it. */
export interface Kind {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly namespaced: boolean
}

const core = (plural: string, scope: 'namespaced' | 'cluster' = 'namespaced'): Kind => ({
  group: '',
  version: 'v1',
  plural,
  namespaced: scope === 'namespaced',
})

export const kinds = {
  modules: { group, version, plural: 'modules', namespaced: true },
  nodeModulesConfigs: { group, version, plural: 'nodemodulesconfigs', namespaced: false },
  nodes: core('nodes', 'cluster'),
  namespaces: core('namespaces', 'cluster'),
  pods: core('pods'),
  configMaps: core('configmaps'),
  secrets: core('secrets'),
  serviceAccounts: core('serviceaccounts'),
  events: core('events'),
  services: core('services'),
  leases: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', namespaced: true },
  statefulSets: { group: 'apps', version: 'v1', plural: 'statefulsets', namespaced: true },
  deployments: { group: 'apps', version: 'v1', plural: 'deployments', namespaced: true },
  policyBindings: {
    group: admissionGroup,
    version: 'v1',
    plural: 'validatingadmissionpolicybindings',
    namespaced: false,
  },
} as const satisfies Record<string, Kind>

/** Which objects: all of a kind, of one namespace, or one object, or its subresource. */
export interface Place {
  readonly namespace?: string | undefined
  readonly name?: string | undefined
  readonly subresource?: string | undefined
}

/** Path on the API server. */
export function pathOf(kind: Kind, { namespace, name, subresource }: Place): string {
  return [
    kind.group === '' ? '/api' : `/apis/${kind.group}`,
    kind.version,
    ...(namespace === undefined || !kind.namespaced ? [] : ['namespaces', encodeURIComponent(namespace)]),
    kind.plural,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
    ...(subresource === undefined ? [] : [subresource]),
  ].join('/')
}

/** Path of the list of what the API server serves of the kind's group and version. */
export function discoveryPath({ group: name, version: served }: Kind): string {
  return name === '' ? `/api/${served}` : `/apis/${name}/${served}`
}

/** Any object the API server gives. */
export interface StoredObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: ObjectMetadata
}

export interface LeaseObject extends StoredObject {
  readonly spec?: {
    readonly holderIdentity?: string
    readonly renewTime?: string
    readonly leaseDurationSeconds?: number
  }
}

export interface ServiceObject extends StoredObject {
  readonly spec?: {
    readonly selector?: Readonly<Record<string, string>>
    readonly ports?: readonly { readonly port: number; readonly targetPort?: number | string }[]
  }
}

export interface DeploymentObject extends StoredObject {
  readonly spec?: {
    readonly template?: {
      readonly spec?: {
        readonly containers?: readonly {
          readonly name: string
          readonly env?: readonly { readonly name: string; readonly value?: string }[]
          readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[]
        }[]
        readonly volumes?: readonly {
          readonly name: string
          readonly configMap?: { readonly name?: string }
        }[]
      }
    }
  }
}

export interface EventObject extends StoredObject {
  readonly type?: string
  readonly reason?: string
  readonly message?: string
  readonly lastTimestamp?: string
  readonly eventTime?: string
  readonly involvedObject?: { readonly kind?: string; readonly name?: string }
}
