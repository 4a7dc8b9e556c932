import { describe, expect, test } from 'vitest'
import type { ImageWish, KernelView } from '../../api/kernelView.ts'
import type { KernelPhase, KernelStatus } from '../../api/module.ts'
import { decideKernel } from './decide.ts'
import { describeEntry, sameEntry } from './describe.ts'
import type { KernelMemory } from './plan.ts'
import { isSettled } from './settled.ts'
import {
  absent,
  fresh,
  interruptedEntry,
  nothingLoaded,
  testBuildFailure,
  testFailure,
  testHash,
  testImage,
  testNodes,
  testPod,
  testRetry,
  testRun,
  testView,
  testWork,
} from './testView.ts'

const ref = { namespace: 'drivers', name: 'fpga' }
const wanted = (build: Extract<ImageWish, { kind: 'wanted' }>['build']): ImageWish => ({
  kind: 'wanted',
  image: testImage,
  generation: null,
  build,
})
const fault = { kind: 'invalid', reason: 'R', field: 'f', message: 'm' } as const
const wishes: ImageWish[] = [
  wanted({ kind: 'ready', inputHash: testHash }),
  wanted({ kind: 'none' }),
  wanted(fault),
  fault,
  ...(['ModuleGone', 'ModuleDeleted', 'NoModuleLoader', 'NoNodes', 'NoMapping'] as const).map((why) => ({
    kind: 'none' as const,
    why,
  })),
]
const modules: KernelView['module'][] = ['alive', 'unguarded', 'deleting', 'gone', 'unreadable']
const nodes = [
  testNodes(),
  nothingLoaded,
  testNodes({ counts: { targets: 0, loaded: 0 } }),
  testNodes({ work: [testWork] }),
  testNodes({ failures: [testFailure('KeyRejected')], counts: { loaded: 0, failed: 1 } }),
  testNodes({ work: [testRetry], failures: [testRetry], counts: { waiting: 1 } }),
  testNodes({ counts: { targets: 2, unreachable: 1 } }),
]
const pods = [
  [],
  [testPod()],
  [testPod({ state: 'failed' })],
  [testPod({ state: 'succeeded', collectAt: '2026-01-01T00:00:00Z' })],
  [testPod({ inputHash: 'b', state: 'failed' })],
  [testPod({ state: 'lost' })],
]
const entry = (phase: KernelPhase): KernelStatus => ({
  kernel: '6.1.0',
  phase,
  inputHash: testHash,
  buildPod: testPod().name,
  attempt: 1,
  reason: 'R',
  message: 'm',
})

/** What status says, and whether the node of the failed build is gone. */
const entries: Partial<KernelView>[] = [
  {},
  ...(['Loaded', 'BuildFailed', 'Cancelled', 'CheckingImage'] as const).map((phase) => ({
    stored: entry(phase),
  })),
  { stored: entry('BuildFailed'), lostNode: 'n1' },
  { stored: interruptedEntry(1) },
  { stored: interruptedEntry(4, { phase: 'BuildFailed' }) },
  { stored: interruptedEntry(4, { phase: 'BuildFailed' }), lostNode: 'n1' },
]

/** Every combination of what a view is made of. */
const views: KernelView[] = modules.flatMap((module) =>
  wishes.flatMap((wish) =>
    nodes.flatMap((seen) =>
      pods.flatMap((found) =>
        entries.flatMap((written) =>
          [undefined, 'sha256:1'].map((digest) =>
            testView({
              module,
              wish,
              nodes: seen,
              pods: found,
              ...written,
              ...(digest === undefined || wish.kind !== 'wanted' ? {} : { digest }),
            }),
          ),
        ),
      ),
    ),
  ),
)
const asStored = (view: KernelView, stored: KernelStatus | undefined): KernelView => {
  const { stored: _old, ...rest } = view
  return stored === undefined ? rest : { ...rest, stored }
}
const says = (view: KernelView, memory: KernelMemory = fresh) => {
  const plan = decideKernel(view, memory)
  return { plan, entry: describeEntry(testRun, view, memory, plan) }
}
/** The view after a run has said everything it has to say, and how often that took. */
function afterSaying(view: KernelView): { view: KernelView; writes: number } {
  const known = said.get(view)
  if (known !== undefined) return known
  let seen = view
  let writes = 0
  for (; writes < 5; writes++) {
    const next = says(seen).entry
    if (sameEntry(next, seen.stored)) break
    seen = asStored(seen, next)
  }
  const after = { view: seen, writes }
  said.set(view, after)
  return after
}
const said = new Map<KernelView, { view: KernelView; writes: number }>()

describe('for every combination', { timeout: 60_000 }, () => {
  test('settled is exactly: no step, no hold, and the entry is the stored one', () => {
    const wrong = views
      .flatMap((view) => [view, afterSaying(view).view])
      .filter(({ module }) => module !== 'unguarded' && module !== 'unreadable' && module !== 'gone')
      .filter((view) => {
        const { plan, entry: spoken } = says(view)
        const idle = plan.steps.length === 0 && plan.holds.length === 0
        return isSettled(ref, '6.1.0', view) !== (idle && sameEntry(spoken, view.stored))
      })
    expect(wrong).toEqual([])
  })

  test('both happen', () => {
    const settled = views.map((view) => isSettled(ref, '6.1.0', afterSaying(view).view))
    expect(new Set(settled)).toEqual(new Set([true, false]))
  })

  test('what is said once stays said: no run writes for ever', () => {
    const restless = views
      .filter(({ module }) => module !== 'gone' && module !== 'unreadable')
      .filter((view) => afterSaying(view).writes > 2)
    expect(restless).toEqual([])
  })

  test('nothing is done for an unguarded or unreadable Module, nor waited for', () => {
    const left = views.filter(({ module }) => module === 'unguarded' || module === 'unreadable')
    expect(left.every((view) => isSettled(ref, '6.1.0', view))).toBe(true)
    expect(left.flatMap((view) => says(view).plan.steps)).toEqual([])
  })
})

test('a Module that is gone is settled when nothing is left to do, whatever stands in status', () => {
  const gone = testView({
    module: 'gone',
    wish: { kind: 'none', why: 'ModuleGone' },
    nodes: testNodes({ counts: { targets: 0, loaded: 0 } }),
    stored: entry('Loaded'),
  })
  expect(isSettled(ref, '6.1.0', gone)).toBe(true)
  expect(isSettled(ref, '6.1.0', { ...gone, nodes: testNodes({ work: [testWork] }) })).toBe(false)
})

test('what an earlier run wrote of a failed build is said again in the same words', () => {
  const memory = { ...absent, failure: testBuildFailure }
  const view = testView({ pods: [testPod({ state: 'failed' })] })
  const { entry: first } = says(view, memory)
  const { entry: second, plan } = says(asStored(view, first))
  expect(second).toEqual(first)
  expect(plan.holds[0]?.message).toBe('A command failed.')
})
