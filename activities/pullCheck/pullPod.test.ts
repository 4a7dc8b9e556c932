import { expect, test } from 'vitest'
import { testNode } from '../../api/testCluster.ts'
import { testModule } from '../../api/testModule.ts'
import { pullPod, type PullPodInput } from './pullPod.ts'

const module = testModule()
const podFor = (mapping: Partial<PullPodInput['mapping']> = {}) =>
  pullPod({
    module,
    mapping: { serviceAccountName: 'default', tolerations: [], ...mapping },
    kernel: '6.1.0',
    image: 'reg.test/a:1',
    node: testNode(),
  })

test('pulls on the node as a worker pod would, and has nothing to run', () => {
  const tolerations = [{ key: 'x', operator: 'Exists' as const }]
  const { spec, metadata } = podFor({
    imageRepoSecret: { name: 'login' },
    serviceAccountName: 'puller',
    tolerations,
  })
  expect(spec).toMatchObject({
    nodeName: 'n1',
    restartPolicy: 'Never',
    serviceAccountName: 'puller',
    imagePullSecrets: [{ name: 'login' }],
    automountServiceAccountToken: false,
    tolerations,
    containers: [{ image: 'reg.test/a:1', imagePullPolicy: 'Always', command: ['/dev/null/kmm-pull-check'] }],
  })
  expect(spec.volumes).toBeUndefined()
  expect(metadata.ownerReferences).toMatchObject([{ kind: 'Module', uid: module.metadata.uid }])
})

test('without imageRepoSecret the service account gives the pull secrets', () => {
  expect(podFor().spec.imagePullSecrets).toBeUndefined()
})

test('is none of the Module’s build and worker pods', () => {
  expect(Object.keys(podFor().metadata.labels)).not.toContain('kmm.node.kubernetes.io/module.name')
})

test('its name depends on Module and kernel alone', () => {
  const name = (kernel: string, image: string) => pullPod({ ...input, kernel, image }).metadata.name
  const input = { module, mapping: { serviceAccountName: 'd', tolerations: [] }, node: testNode() }
  expect(name('6.1.0', 'a:1')).toBe(name('6.1.0', 'b:1'))
  expect(name('6.1.0+', 'a:1')).not.toBe(name('6.1.0_', 'a:1'))
  expect(name('6.1.0', 'a:1')).toMatch(/^fpga-pull-[0-9a-f]{8}$/)
})
