import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { operatorName, permissions, type PermissionScope } from '../../api/permissions.ts'
import { find, readObjects } from './helm.ts'

const objects = readObjects(
  readFileSync(join(import.meta.dirname, '../../deploy/kustomize/rbac.yaml'), 'utf8'),
)

test.each<[PermissionScope, string]>([
  ['cluster', 'ClusterRole'],
  ['operatorNamespace', 'Role'],
])('permissions of scope %s are the rules of the %s, no more and no less', (scope, kind) => {
  const rules = permissions
    .filter((permission) => permission.scope === scope)
    .map(({ group, resource, verbs, resourceNames }) => ({
      apiGroups: [group],
      resources: [resource],
      verbs,
      ...(resourceNames === undefined ? {} : { resourceNames }),
    }))
  expect(find(objects, kind, operatorName).rules).toEqual(rules)
})

test('nothing is granted twice', () => {
  const granted = permissions.flatMap(({ scope, group, resource, verbs, resourceNames = [''] }) =>
    verbs.flatMap((verb) => resourceNames.map((name) => [scope, group, resource, verb, name].join(' '))),
  )
  expect(granted).toEqual([...new Set(granted)])
  const inCluster = new Set(granted.map((line) => line.replace(/^cluster /, 'operatorNamespace ')))
  expect(inCluster.size).toBe(granted.length)
})

test('nothing is granted by a wildcard, and Secrets are never listed', () => {
  expect(JSON.stringify(permissions)).not.toContain('*')
  const secrets = permissions.filter(({ resource }) => resource === 'secrets')
  expect(secrets.flatMap(({ verbs }) => verbs)).toEqual(['get'])
})
