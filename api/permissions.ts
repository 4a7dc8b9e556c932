import { admissionGroup, guardingPolicyNames } from './guardingPolicies.ts'
import { group } from './names.ts'

/** Where a right holds: in the whole cluster, or only in the namespace that the operator runs in. */
export type PermissionScope = 'cluster' | 'operatorNamespace'

/** A right of the operator's ServiceAccount. */
export interface Permission {
  readonly scope: PermissionScope
  /** API group; '' is the core group. */
  readonly group: string
  /** Plural, with a subresource after a slash: `pods/log`. */
  readonly resource: string
  readonly verbs: readonly string[]
  /** The only objects it is for; absent: all. */
  readonly resourceNames?: readonly string[]
  /** What the operator needs it for. */
  readonly reason: string
}

/** As kubectl writes it: `nodes`, `pods/log`, `modules.kmm.sigs.x-k8s.io/status`. */
export function qualifiedResource({ group: of, resource }: Pick<Permission, 'group' | 'resource'>): string {
  const [plural = '', subresource] = resource.split('/')
  const qualified = of === '' ? plural : `${plural}.${of}`
  return subresource === undefined ? qualified : `${qualified}/${subresource}`
}

/** Name of the operator's Deployment, ServiceAccount, ClusterRole and Role. */
export const operatorName = 'kmm-operator-controller'

/**
 * What the operator may do in a cluster, and nothing else. The ClusterRole and the Role in deploy/chart are made from
 * this table.
 *
 * Not in it: reviews of the operator's own access, which system:basic-user allows everybody, and `update` of
 * `finalizers` subresources, which clusters with OwnerReferencesPermissionEnforcement (OpenShift) ask of those who set
 * blockOwnerDeletion in an owner reference. The operator sets it nowhere.
 */
export const permissions: readonly Permission[] = [
  {
    scope: 'cluster',
    group,
    resource: 'modules',
    verbs: ['list', 'watch', 'patch'],
    reason: 'Modules: the finalizer and the annotations that steer it are patched.',
  },
  {
    scope: 'cluster',
    group,
    resource: 'modules/status',
    verbs: ['patch'],
    reason: 'Counters, conditions and kernels of a Module.',
  },
  {
    scope: 'cluster',
    group,
    resource: 'nodemodulesconfigs',
    verbs: ['list', 'watch', 'create', 'patch'],
    reason: 'What each node should have loaded. Server-side apply of a new object needs create and patch.',
  },
  {
    scope: 'cluster',
    group,
    resource: 'nodemodulesconfigs/status',
    verbs: ['patch'],
    reason: 'What each node has loaded.',
  },
  {
    scope: 'cluster',
    group: '',
    resource: 'pods',
    verbs: ['get', 'list', 'watch', 'create', 'delete'],
    reason: 'Build pods and worker pods, in the namespaces of Modules.',
  },
  {
    scope: 'cluster',
    group: '',
    resource: 'pods/log',
    verbs: ['get'],
    reason: 'Logs of build pods.',
  },
  {
    scope: 'cluster',
    group: '',
    resource: 'nodes',
    verbs: ['list', 'watch', 'patch'],
    reason: 'Nodes by their kernel; the labels that show which modules are ready.',
  },
  {
    scope: 'cluster',
    group: '',
    resource: 'namespaces',
    verbs: ['patch'],
    reason: 'The label on namespaces with Modules, which a policy keeps from being deleted.',
  },
  {
    scope: 'cluster',
    group: '',
    resource: 'namespaces',
    verbs: ['get'],
    resourceNames: ['kube-system'],
    reason: 'Its uid names the cluster where temporal.clusterName is not set.',
  },
  {
    scope: 'cluster',
    group: '',
    resource: 'configmaps',
    verbs: ['list', 'watch'],
    reason: 'Dockerfiles.',
  },
  {
    scope: 'cluster',
    group: '',
    resource: 'secrets',
    verbs: ['get'],
    reason: 'Registry credentials, build secrets and signing keys: read by name when needed, never listed.',
  },
  {
    scope: 'cluster',
    group: '',
    resource: 'serviceaccounts',
    verbs: ['get'],
    reason: 'Their pull secrets are the logins of a Module that names none.',
  },
  {
    scope: 'cluster',
    group: '',
    resource: 'events',
    verbs: ['get', 'create'],
    reason: 'Each is created once and never changed; get shows that it was.',
  },
  {
    scope: 'cluster',
    group: 'coordination.k8s.io',
    resource: 'leases',
    verbs: ['list'],
    reason: 'The Lease of another operator in any namespace, and the claims on images in its own.',
  },
  {
    scope: 'cluster',
    group: 'authentication.k8s.io',
    resource: 'tokenreviews',
    verbs: ['create'],
    reason: 'Who asks for the metrics (metrics.enableAuthnAuthz).',
  },
  {
    scope: 'cluster',
    group: 'authorization.k8s.io',
    resource: 'subjectaccessreviews',
    verbs: ['create'],
    reason:
      'Whether they may have the metrics, and whether a Lease in another namespace can be one of an operator.',
  },
  {
    scope: 'cluster',
    group: admissionGroup,
    resource: 'validatingadmissionpolicies',
    verbs: ['get'],
    resourceNames: guardingPolicyNames,
    reason:
      'Whether the policies that guard what the operator believes are installed: it warns when they are not.',
  },
  {
    scope: 'cluster',
    group: admissionGroup,
    resource: 'validatingadmissionpolicybindings',
    verbs: ['get'],
    resourceNames: guardingPolicyNames,
    reason: 'Whether these policies are bound.',
  },
  {
    scope: 'operatorNamespace',
    group: 'coordination.k8s.io',
    resource: 'leases',
    verbs: ['get', 'create', 'update', 'delete'],
    reason: 'The Lease of the leader, and the claims on images that are being built.',
  },
  {
    scope: 'operatorNamespace',
    group: 'apps',
    resource: 'deployments',
    verbs: ['get'],
    resourceNames: [operatorName],
    reason: 'Its uid, for Events about a configuration that cannot be used.',
  },
]
