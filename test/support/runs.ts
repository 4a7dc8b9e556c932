import { expect } from 'vitest'
import { kernelRunId, type ModuleRef } from '../../api/names.ts'
import { run } from '../../lab/programs/exec.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { expectReadable } from '../../workflows/testing/readableHistory.ts'
import type { TestLab } from './testLab.ts'

/** A run as Temporal's visibility shows it. */
export interface SeenRun {
  readonly workflowId: string
  readonly runId: string
  readonly status: string
}

/** Id of the run for a Module and a kernel. */
export function runId(lab: TestLab, ref: ModuleRef, kernel: string): string {
  return kernelRunId(lab.cluster, ref, kernel)
}

/** Kernel runs of a Module, open and closed. `condition`: more of the query, such as `KmmHeld=true`. */
export async function runsOf(lab: TestLab, ref: ModuleRef, condition = 'TRUE'): Promise<SeenRun[]> {
  const more = condition === 'TRUE' ? '' : ` AND (${condition})`
  return await listRuns(
    lab,
    `WorkflowType="moduleKernel" AND KmmCluster="${lab.cluster}" AND KmmNamespace="${ref.namespace}"` +
      ` AND KmmModule="${ref.name}"${more}`,
  )
}

/**
 * No run of a namespace's Modules has ended as none may, whatever users do (those that people cancelled or terminated
 * have not), and a person can read each of them in the Temporal UI.
 */
export async function expectSoundRuns(lab: TestLab, namespace: string): Promise<void> {
  const runs = await listRuns(lab, `KmmCluster="${lab.cluster}" AND KmmNamespace="${namespace}"`)
  const broken = runs.filter(({ status }) => status === 'FAILED' || status === 'TIMED_OUT')
  expect(broken, 'runs that failed').toEqual([])
  for (const { workflowId, runId: id } of runs)
    expectReadable(await lab.temporal.workflow.getHandle(workflowId, id).fetchHistory())
}

/** All runs that a query of Temporal's visibility finds. */
export async function listRuns(lab: TestLab, query: string): Promise<SeenRun[]> {
  const found: SeenRun[] = []
  for await (const { workflowId, runId: id, status } of lab.temporal.workflow.list({ query })) {
    found.push({ workflowId, runId: id, status: status.name })
  }
  return found
}

/** Runs the real `temporal` command line against the lab. */
export async function temporalCli(lab: TestLab, ...args: string[]): Promise<void> {
  const program = await ensurePrograms(['temporal']).path('temporal')
  const { address, namespace } = lab.state.temporal
  const result = await run([program, ...args, '--address', address, '--namespace', namespace])
  expect(result.code, result.tail.join('\n')).toBe(0)
}
