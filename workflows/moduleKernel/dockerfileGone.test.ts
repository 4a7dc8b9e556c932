import { describe, expect, test } from 'vitest'
import type { KernelView } from '../../api/kernelView.ts'
import { decideKernel } from './decide.ts'
import { describeEntry } from './describe.ts'
import type { KernelMemory } from './plan.ts'
import {
  absent,
  interruptedEntry,
  testBuildFailure,
  testHash,
  testImage as image,
  testInterruption,
  testPod,
  testRun,
  testView,
} from './testView.ts'

const reason = 'DockerfileConfigMapMissing'
const build = { kind: 'invalid', reason, field: 'build.dockerfileConfigMap', message: 'It is gone.' } as const
const wish = { kind: 'wanted', image, generation: null, build } as const
const building = { kernel: '6.1.0', phase: 'Building', image, inputHash: testHash, attempt: 1 } as const
const failedPod = testPod({ state: 'failed' })
const known: KernelMemory = { ...absent, failure: testBuildFailure }

function told(change: Partial<KernelView>, memory: KernelMemory) {
  const view = testView({ wish, stored: building, ...change })
  const plan = decideKernel(view, memory)
  const steps = plan.steps.map(({ kind }) => kind)
  const holds = plan.holds.map((hold) => hold.reason)
  return { plan, steps, holds, entry: describeEntry(testRun, view, memory, plan) }
}

describe('a Dockerfile that goes in mid-build (images:BLD-S2)', () => {
  test('stops nothing: the build is followed to its end', () => {
    expect(told({ pods: [testPod()] }, absent)).toMatchObject({
      steps: ['follow'],
      holds: [],
      entry: { phase: 'Building' },
    })
  })

  test('hides no failure: both are held, and the failure is in status with its lines', () => {
    const { holds, entry } = told({ pods: [failedPod] }, known)
    expect(holds).toEqual(['BuildCommandFailed', reason])
    const { errorLines } = testBuildFailure
    const said = { phase: 'BuildFailed', reason: 'BuildCommandFailed', buildPod: failedPod.name, errorLines }
    expect(entry).toMatchObject(said)
    // The next run knows of it from status alone.
    expect(told({ pods: [failedPod], stored: entry! }, absent)).toMatchObject({
      steps: [],
      holds,
      entry: said,
    })
  })

  test('is what a retry meets, once the failed pod is gone', () => {
    const [held] = told({ pods: [failedPod] }, known).plan.holds
    const released = { ...known, released: held?.releases ?? [] }
    expect(told({ pods: [failedPod] }, released).steps).toEqual(['remove'])
    expect(told({}, released)).toMatchObject({ steps: [], holds: [reason], entry: { phase: 'InputInvalid' } })
  })

  test('is met by a build that the cluster ended, too', () => {
    const memory = { ...absent, interruption: testInterruption() }
    expect(told({ pods: [failedPod] }, memory).steps).toEqual(['pause'])
    const key = `interrupted:${testHash}:1`
    const stored = interruptedEntry(1)
    expect(told({ stored }, { ...absent, released: [key] })).toMatchObject({ steps: [], holds: [reason] })
  })

  test('says nothing of the pods of another image', () => {
    const stored = { ...building, image: 'reg.example/other:1' }
    expect(told({ stored, pods: [testPod()] }, absent)).toMatchObject({ steps: [], holds: [reason] })
  })
})

test('a build section that is taken away stops the build', () => {
  const without = { ...wish, build: { kind: 'none' } } as const
  expect(told({ wish: without, pods: [testPod()] }, absent).steps).toEqual(['remove'])
})
