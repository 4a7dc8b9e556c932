import { expect, test } from 'vitest'
import { ForbiddenError, rightFor } from './errors.ts'
import { kinds, pathOf } from './resources.ts'

test('a missing right is named as RBAC names it, with the command that checks it', () => {
  const right = rightFor('get', kinds.pods, { namespace: 'drivers', name: 'p', subresource: 'log' })
  expect(new ForbiddenError(right).message).toBe(
    'You may not get pods/log in namespace drivers. Ask for that right: verb "get", resource "pods/log" ' +
      '(kubectl auth can-i get pods/log -n drivers).',
  )
  expect(new ForbiddenError(rightFor('list', kinds.nodes, { namespace: 'drivers' })).message).toContain(
    'You may not list nodes in the cluster.',
  )
  expect(rightFor('patch', kinds.modules, { namespace: 'd', name: 'm' }).resource).toBe(
    'modules.kmm.sigs.x-k8s.io',
  )
})

test.each([
  [pathOf(kinds.nodes, { namespace: 'ignored' }), '/api/v1/nodes'],
  [pathOf(kinds.modules, {}), '/apis/kmm.sigs.x-k8s.io/v1beta1/modules'],
  [
    pathOf(kinds.pods, { namespace: 'd', name: 'a b', subresource: 'log' }),
    '/api/v1/namespaces/d/pods/a%20b/log',
  ],
])('%s', (path, expected) => {
  expect(path).toBe(expected)
})
