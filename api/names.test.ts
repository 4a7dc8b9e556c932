import { describe, expect, test } from 'vitest'
import {
  buildPodName,
  kernelFieldManager,
  kernelRunId,
  moduleOfRun,
  moduleRunId,
  sha256,
  workerPodName,
} from './names.ts'

describe('ids', () => {
  test('a kernel run keeps the raw release', () => {
    const ref = { namespace: 'drivers', name: 'fpga' }
    expect(kernelRunId('ab12', ref, '6.1.0+')).toBe('module:ab12:drivers:fpga:6.1.0+')
    expect(kernelRunId('ab12', ref, '6.1.0+')).not.toBe(kernelRunId('ab12', ref, '6.1.0_'))
  })
})

test('the Module of a run is read from its id', () => {
  const ref = { namespace: 'drivers', name: 'fpga' }
  expect(moduleOfRun(kernelRunId('ab12', ref, '6.1.0+'))).toEqual(ref)
  expect(moduleOfRun(moduleRunId('ab12', ref))).toEqual(ref)
  expect(moduleOfRun('somebody-elses')).toBeUndefined()
  expect(moduleOfRun('module:ab12')).toBeUndefined()
})

describe('pod names', () => {
  test('a build pod is named by module, input hash and attempt', () => {
    expect(buildPodName('fpga', '0123456789abcdef', 2)).toBe('fpga-build-01234567-2')
  })

  test('a worker pod is named by node and module alone', () => {
    const name = workerPodName('uid-1', { namespace: 'a', name: 'm' })
    expect(name).toMatch(/^kmm-worker-m-[0-9a-f]{10}$/)
    expect(workerPodName('uid-2', { namespace: 'a', name: 'm' })).not.toBe(name)
    expect(workerPodName('uid-1', { namespace: 'b', name: 'm' })).not.toBe(name)
  })

  test('names stay DNS labels for the longest module name', () => {
    const ref = { namespace: 'a', name: 'm'.repeat(63) }
    expect(workerPodName('uid', ref).length).toBeLessThanOrEqual(63)
    expect(buildPodName(ref.name, 'f'.repeat(64), 1000).length).toBeLessThanOrEqual(63)
  })
})

test('a field manager fits in 128 characters', () => {
  expect(kernelFieldManager('k'.repeat(300))).toHaveLength(128)
})

test('sha256 of a known text', () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
