import type { Kube } from '../../../activities/kube/kube.ts'
import { operatorName, permissions } from '../../../api/permissions.ts'

/**
 * Gives the ServiceAccounts of operators in these namespaces their rights on nodes, by a ClusterRole of this name: an
 * operator believes a Lease there.
 */
export async function grantOperators(
  { transport }: Pick<Kube, 'transport'>,
  name: string,
  namespaces: readonly string[],
): Promise<void> {
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  const create = async (resource: string, kind: string, more: object) =>
    await transport.json({
      verb: 'create',
      resource,
      path: `/apis/${apiVersion}/${resource}`,
      body: { apiVersion, kind, metadata: { name }, ...more },
    })
  const rules = permissions
    .filter(({ resource }) => resource === 'nodemodulesconfigs')
    .map(({ group, resource, verbs }) => ({ apiGroups: [group], resources: [resource], verbs }))
  const subjects = namespaces.map((namespace) => ({ kind: 'ServiceAccount', name: operatorName, namespace }))
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }
  await create('clusterroles', 'ClusterRole', { rules })
  await create('clusterrolebindings', 'ClusterRoleBinding', { roleRef, subjects })
}
