import { markdownTable } from './markdownTable.ts'
import {
  operatorName,
  type Permission,
  permissions,
  type PermissionScope,
  qualifiedResource,
} from './permissions.ts'

const roles = {
  cluster: { kind: 'ClusterRole', namespace: '' },
  operatorNamespace: { kind: 'Role', namespace: '  namespace: {{ .Release.Namespace }}\n' },
} as const satisfies Record<PermissionScope, object>

/** The chart's template of the role that grants all permissions of a scope to the operator. */
export function roleTemplate(scope: PermissionScope): string {
  const { kind, namespace } = roles[scope]
  return `# Made by \`npm run generate\` from api/permissions.ts; do not edit.
apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}
metadata:
  name: ${operatorName}
${namespace}  labels:
    {{- include "kmm.labels" . | nindent 4 }}
rules:
${permissions
  .filter((permission) => permission.scope === scope)
  .map(rule)
  .join('')}`
}

function rule({ group, resource, resourceNames, verbs, reason }: Permission): string {
  const names = resourceNames === undefined ? '' : `    resourceNames: [${resourceNames.join(', ')}]\n`
  return `  # ${reason}
  - apiGroups: [${group === '' ? "''" : group}]
    resources: [${resource}]
${names}    verbs: [${verbs.join(', ')}]
`
}

const scopeWords = {
  cluster: 'cluster',
  operatorNamespace: "operator's namespace",
} as const satisfies Record<PermissionScope, string>

/** The reference of all permissions as a Markdown table. */
export function permissionsTable(): string {
  const rows = permissions.map(({ resourceNames = [], ...permission }) => [
    [`\`${qualifiedResource(permission)}\``, ...resourceNames.map((name) => `\`${name}\` only`)].join(', '),
    permission.verbs.join(', '),
    scopeWords[permission.scope],
    permission.reason,
  ])
  return markdownTable([['Resource', 'Verbs', 'Where', 'Reason'], ...rows])
}
