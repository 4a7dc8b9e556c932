import { expect, test } from 'vitest'
import type { KernelStatus, Module } from './module.ts'
import { tagMovedCondition } from './tagMoved.ts'
import { guardedModule, testCluster } from './testCluster.ts'

const digests = ['1', '2'].map((digit) => `sha256:${digit.repeat(64)}`)
const entry = (kernel: string, digest = 0, image = 'reg.example/fpga:1'): KernelStatus => ({
  kernel,
  phase: 'Loaded',
  image,
  ...(digest < 0 ? {} : { digest: digests[digest]! }),
})
const own = (...kernels: KernelStatus[]) => guardedModule({}, { status: { kernels } })
const other = (kernels: KernelStatus[], deleting = false): Module => {
  const module = guardedModule({}, { status: { kernels }, deleting })
  return { ...module, metadata: { ...module.metadata, name: 'other' } }
}

test.each<[string, Module, Module[]]>([
  ['nothing is resolved', own(entry('a', -1), entry('b')), []],
  ['all have the same', own(entry('a'), entry('b')), [other([entry('a')])]],
  ['they are other tags', own(entry('a'), entry('b', 1, 'reg.example/fpga:2')), []],
  ['the other is being deleted', own(entry('a')), [other([entry('a', 1)], true)]],
  ['it is between others', own(entry('a', 0, 'c')), [other([entry('a'), entry('b', 1)])]],
])('nothing is said: %s', (_name, module, others) => {
  expect(tagMovedCondition(testCluster({ modules: [module, ...others] }), module)).toBeUndefined()
})

test('a kernel has found the tag elsewhere than the one before it: both are named, and the fix', () => {
  const module = own(entry('a'), entry('b', 1))
  const found = tagMovedCondition(testCluster({ modules: [module] }), module)
  expect(found).toMatchObject({ type: 'TagMoved', status: 'True', reason: 'DigestsDiffer' })
  expect(found?.message).toBe(
    `Image reg.example/fpga:1 is ${digests[0]} for Module drivers/fpga (kernel a) and ${digests[1]} for Module ` +
      'drivers/fpga (kernel b): its tag was moved between. Both keep what they have. To take what the tag is now, ' +
      'change spec.imageRebuildTriggerGeneration of the one that is behind.',
  )
})

test('another Module has found it elsewhere, under a shorter name', () => {
  const module = own(entry('a', 0, 'docker.io/library/fpga:1'))
  const modules = [module, other([entry('z', 1, 'fpga:1')])]
  expect(tagMovedCondition(testCluster({ modules }), module)?.message).toContain(
    'for Module drivers/other (kernel z)',
  )
})
