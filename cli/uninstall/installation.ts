import { group, labels } from '../../api/names.ts'
import { resourceName } from '../kube/errors.ts'
import { kinds, type Kind, type StoredObject } from '../kube/resources.ts'

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
  kinds.statefulSets,
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

/** The definitions that an installation brings. KMM has more in this group and, for its hub, in groups below it. */
export function isOwnDefinition(name: string): boolean {
  return [kinds.modules, kinds.nodeModulesConfigs].some(({ plural }) => name === `${plural}.${group}`)
}

/** Values of `app.kubernetes.io/name` on objects of an installation; KMM's hub has the same part-of, and `kmm-hub`. */
const appNames: readonly string[] = ['kmm', 'kmm-temporal-server', 'kmm-temporal-ui']

/** Is it of an installation, by its labels? */
export function isOfInstallation({ metadata: { labels: its = {} } }: StoredObject): boolean {
  return its[labels.partOf] === 'kmm' && appNames.includes(its[labels.appName] ?? '')
}

/** Kinds of objects that somebody misses when their namespace is deleted; what the cluster puts there itself is none. */
const missedKinds = [
  ...[kinds.deployments, kinds.statefulSets, kinds.services, kinds.configMaps, kinds.secrets].map(
    resourceName,
  ),
  'jobs.batch',
  'persistentvolumeclaims',
]
const ofEveryNamespace = ['kube-root-ca.crt', 'openshift-service-ca.crt']

/** Would an object in the operator's namespace, not of the installation, be missed? */
export function isMissed(of: Kind, { metadata: { name, annotations = {} } }: StoredObject): boolean {
  return (
    missedKinds.includes(resourceName(of)) &&
    !ofEveryNamespace.includes(name) &&
    annotations['kubernetes.io/service-account.name'] === undefined
  )
}

/** Annotations that Helm puts on every object of a release. */
export const helmAnnotations = {
  name: 'meta.helm.sh/release-name',
  namespace: 'meta.helm.sh/release-namespace',
} as const
