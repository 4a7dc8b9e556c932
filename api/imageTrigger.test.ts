import { expect, test } from 'vitest'
import { takenTrigger } from './imageTrigger.ts'
import type { KernelStatus, ModuleStatus } from './module.ts'
import { guardedModule, testCluster, testKernel, testNode } from './testCluster.ts'
import { isOutdated, summarizeModule } from './viewModule.ts'

const entry = (change: Partial<KernelStatus> = {}): KernelStatus => ({
  kernel: testKernel,
  phase: 'CheckingImage',
  ...change,
})
const moduleWith = (trigger: number | undefined, status: ModuleStatus) =>
  guardedModule({ spec: { imageRebuildTriggerGeneration: trigger } }, { status })

test.each<[string, number | undefined, ModuleStatus, number | undefined]>([
  ['none', undefined, {}, undefined],
  ['one that no run has looked at', 2, {}, undefined],
  ['one that a run has taken', 2, { kernels: [entry({ imageGeneration: 2 })] }, 2],
  ['zero is one too', 0, { kernels: [entry({ imageGeneration: 0 })] }, 0],
  [
    'the next: the former stands until a run has taken it',
    3,
    { imageRebuildTriggerGeneration: 2, kernels: [entry({ imageGeneration: 2 })] },
    2,
  ],
  [
    'a lower one is another',
    1,
    { imageRebuildTriggerGeneration: 2, kernels: [entry({ imageGeneration: 1 })] },
    1,
  ],
  [
    'one of two runs has taken it',
    2,
    { kernels: [entry({ imageGeneration: 2 }), entry({ kernel: '5.10.0', imageGeneration: 1 })] },
    undefined,
  ],
  [
    'a kernel without nodes has nothing to take',
    2,
    { kernels: [entry({ imageGeneration: 2 }), entry({ kernel: '5.10.0', phase: 'NoNodes' })] },
    2,
  ],
  ['one that was taken away', undefined, { imageRebuildTriggerGeneration: 2, kernels: [entry()] }, undefined],
])('images:STS-6 the trigger that was taken: %s', (_name, trigger, status, taken) => {
  expect(takenTrigger(moduleWith(trigger, status), [testNode()])).toBe(taken)
})

test('it is in the summary, and written when it differs', () => {
  const kernels = [entry({ imageGeneration: 2 })]
  const before = moduleWith(2, { kernels })
  const { conditions, ...summary } = summarizeModule(testCluster(), before, '2026-02-02T00:00:00Z')
  expect(summary.imageRebuildTriggerGeneration).toBe(2)
  const written = { kernels, conditions: [...conditions], moduleLoader: summary.moduleLoader }
  expect(isOutdated(moduleWith(2, written), { ...summary, conditions })).toBe(true)
  const after = moduleWith(2, { ...written, imageRebuildTriggerGeneration: 2 })
  expect(isOutdated(after, { ...summary, conditions })).toBe(false)
})
