import { expect, test } from 'vitest'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { isMissed, isOfInstallation, isOwnDefinition } from './installation.ts'

const object = (metadata: Partial<StoredObject['metadata']>): StoredObject => ({
  metadata: { name: 'x', uid: 'u', resourceVersion: '1', ...metadata },
})

test.each([
  ['modules.kmm.sigs.x-k8s.io', true],
  ['nodemodulesconfigs.kmm.sigs.x-k8s.io', true],
  ['preflightvalidations.kmm.sigs.x-k8s.io', false],
  ['managedclustermodules.hub.kmm.sigs.x-k8s.io', false],
])('definition %s is ours: %s', (name, is) => {
  expect(isOwnDefinition(name)).toBe(is)
})

test.each([
  [{ 'app.kubernetes.io/part-of': 'kmm', 'app.kubernetes.io/name': 'kmm' }, true],
  [{ 'app.kubernetes.io/part-of': 'kmm', 'app.kubernetes.io/name': 'kmm-temporal-ui' }, true],
  [{ 'app.kubernetes.io/part-of': 'kmm', 'app.kubernetes.io/name': 'kmm-hub' }, false],
  [{ 'app.kubernetes.io/part-of': 'kmm' }, false],
  [{ 'app.kubernetes.io/name': 'kmm' }, false],
])('labels %j are those of an installation: %s', (labels, is) => {
  expect(isOfInstallation(object({ labels }))).toBe(is)
})

test('what the cluster itself puts into a namespace is not missed; what people put there is', () => {
  expect(isMissed(kinds.configMaps, object({ name: 'kube-root-ca.crt' }))).toBe(false)
  const annotations = { 'kubernetes.io/service-account.name': 'default' }
  expect(isMissed(kinds.secrets, object({ annotations }))).toBe(false)
  expect(isMissed(kinds.serviceAccounts, object({ name: 'default' }))).toBe(false)
  expect(isMissed(kinds.secrets, object({ name: 'temporal-tls' }))).toBe(true)
})
