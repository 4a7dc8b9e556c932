import { expect, test } from 'vitest'
import { needsPerson, remedyOf } from './remedies.ts'

const ref = { namespace: 'drivers', name: 'fpga' }

test.each([
  [
    'SecretMissing',
    'build.secrets: Secret drivers/token does not exist. imageRepoSecret: Secret drivers/login does not exist.',
    [
      'kubectl -n drivers create secret generic token --from-file=KEY=FILE',
      'kubectl -n drivers create secret docker-registry login --from-file="$HOME/.docker/config.json"',
    ],
  ],
  [
    'SecretKeyMissing',
    'imageRepoSecret: Secret drivers/login has no key .dockerconfigjson; make it with kubectl.',
    ['kubectl -n drivers describe secret login'],
  ],
  [
    'SecretMissing',
    'sign.keySecret: Secret drivers/k does not exist. sign.certSecret: Secret drivers/c does not exist.',
    [
      'kubectl -n drivers create secret generic k --from-file=key=signing_key.pem',
      'kubectl -n drivers create secret generic c --from-file=cert=signing_cert.pem',
    ],
  ],
  ['SecretNameInvalid', 'build.secrets: "A b" cannot be the name.', ['kubectl -n drivers edit module fpga']],
  ['RegistryUnauthorized', 'it answers 401', ['kubectl -n drivers edit module fpga']],
  ['PodRefusedByQuota', 'exceeded quota: q', ['kubectl -n drivers describe resourcequota']],
  ['PodRejected', 'no', ['kubectl -n drivers edit module fpga']],
  ['Unschedulable', 'pod fpga-build-1: 0/3 nodes', ['kubectl -n drivers describe pod fpga-build-1']],
  ['ImagePullBackOff', 'pod kmm-worker-1: not found', ['kubectl -n drivers describe pod kmm-worker-1']],
])('%s: %s', (reason, message, commands) => {
  const remedy = remedyOf(ref, { reason, message })
  expect(remedy?.commands).toEqual(commands)
  expect(remedy?.unblock).toMatch(/\w\.$/)
})

test('a pod that is not named is that of the build', () => {
  const wait = { reason: 'Unschedulable', message: 'no node', buildPod: 'fpga-build-2' }
  expect(remedyOf(ref, wait)?.commands).toEqual(['kubectl -n drivers describe pod fpga-build-2'])
})

test('what waits for a person is what is held, and what is refused', () => {
  const entry = { kernel: '6.1.0', phase: 'Building' } as const
  expect(needsPerson(ref, { ...entry, reason: 'PodRefusedByQuota' })).toBe(true)
  expect(needsPerson(ref, { ...entry, reason: 'BuildQueued' })).toBe(false)
  expect(needsPerson(ref, { ...entry, phase: 'BuildFailed' })).toBe(true)
})

test.each(['BuildQueued', 'ImageClaimed', 'RegistryUnreachable', 'NodesUnreachable', undefined])(
  'nobody has to do anything about %s',
  (reason) => {
    expect(remedyOf(ref, reason === undefined ? {} : { reason })).toBeUndefined()
  },
)
