import type { KernelView } from '../../api/kernelView.ts'
import { decideKernel } from './decide.ts'
import { describeEntry, sameEntry } from './describe.ts'
import type { KernelMemory } from './plan.ts'

const nothingLearnt: KernelMemory = { released: [], refused: {} }

/**
 * Is there nothing a run could do or say for this view? The watcher asks this before it rings, with the same
 * rules the run decides by.
 */
export function isSettled(
  ref: { namespace: string; name: string },
  kernel: string,
  view: KernelView,
): boolean {
  if (view.module === 'unguarded' || view.module === 'unreadable') return true
  const plan = decideKernel(view, nothingLearnt)
  if (plan.steps.length > 0 || plan.holds.length > 0) return false
  const run = { ...ref, kernel, workflowId: '', runId: '', now: '' }
  return view.module === 'gone' || sameEntry(describeEntry(run, view, nothingLearnt, plan), view.stored)
}
