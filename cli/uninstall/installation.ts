import { group } from '../../api/names.ts'
import { kinds, type Kind } from '../kube/resources.ts'

const cluster = (of: string, plural: string): Kind => ({
  group: of,
  version: 'v1',
  plural,
  namespaced: false,
})
const namespaced = (of: string, plural: string): Kind => ({
  group: of,
  version: 'v1',
  plural,
  namespaced: true,
})
const admission = 'admissionregistration.k8s.io'
const rbac = 'rbac.authorization.k8s.io'
const monitoring = 'monitoring.coreos.com'

/**
 * Kinds of the objects that an installation consists of, in the order in which they are deleted: first the policies,
 * which would refuse the deletion of namespaces, then what runs, then what it runs with, and its rights last.
 */
export const installationKinds: readonly Kind[] = [
  cluster(admission, 'validatingadmissionpolicybindings'),
  cluster(admission, 'validatingadmissionpolicies'),
  // Served only where the Prometheus operator is.
  namespaced(monitoring, 'servicemonitors'),
  namespaced(monitoring, 'prometheusrules'),
  kinds.deployments,
  namespaced('apps', 'statefulsets'),
  namespaced('batch', 'jobs'),
  namespaced('policy', 'poddisruptionbudgets'),
  namespaced('networking.k8s.io', 'networkpolicies'),
  kinds.services,
  kinds.configMaps,
  kinds.secrets,
  namespaced('', 'persistentvolumeclaims'),
  namespaced(rbac, 'rolebindings'),
  namespaced(rbac, 'roles'),
  cluster(rbac, 'clusterrolebindings'),
  cluster(rbac, 'clusterroles'),
  kinds.serviceAccounts,
]

export const definitionKind = cluster('apiextensions.k8s.io', 'customresourcedefinitions')
export const daemonSetKind = namespaced('apps', 'daemonsets')
export const accessReviewKind = cluster('authorization.k8s.io', 'selfsubjectaccessreviews')

/** Names of the definitions of Modules and of what belongs to them. */
export function isOwnDefinition(name: string): boolean {
  return name.endsWith(`.${group}`)
}

/** Annotations that Helm puts on every object of a release. */
export const helmAnnotations = {
  name: 'meta.helm.sh/release-name',
  namespace: 'meta.helm.sh/release-namespace',
} as const
