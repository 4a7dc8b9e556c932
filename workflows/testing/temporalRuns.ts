import { randomUUID } from 'node:crypto'
import type { Client, HistoryAndWorkflowId, WorkflowHandle } from '@temporalio/client'
import type { Workflow } from '@temporalio/common'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import { workflowBundle } from '../../lab/workflowBundle.ts'
import { expectReadable } from './readableHistory.ts'

/** Starts one run on a task queue. */
export type StartRun<W extends Workflow> = (
  client: Client,
  at: { readonly workflowId: string; readonly taskQueue: string },
) => Promise<WorkflowHandle<W>>

/**
 * Runs of our workflows on a real Temporal server, each on a worker of its own until `body` has ended; call it at the
 * top of a test file. When all of the file are over, their histories are replayed. `simulation`: an object of a class
 * whose methods are the activities.
 */
export function useTemporalRuns<W extends Workflow>() {
  let env: TestWorkflowEnvironment
  let codePath: string
  const ended: HistoryAndWorkflowId[] = []

  beforeAll(async () => {
    // Failing activities belong to these tests.
    Runtime.install({ logger: new DefaultLogger('ERROR') })
    env = await TestWorkflowEnvironment.createFromExistingServer({ address: inject('temporalAddress') })
    codePath = await workflowBundle()
  })
  afterAll(async () => {
    try {
      await expectReplayed(codePath, ended)
    } finally {
      await env?.teardown()
    }
  })

  return async (
    simulation: object,
    start: StartRun<W>,
    body: (run: WorkflowHandle<W>) => Promise<void>,
  ): Promise<void> => {
    const taskQueue = `q-${randomUUID()}`
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue,
      workflowBundle: { codePath },
      activities: methodsOf(simulation),
      maxHeartbeatThrottleInterval: '500ms',
      defaultHeartbeatThrottleInterval: '500ms',
    })
    await worker.runUntil(async () => {
      const run = await start(env.client, { workflowId: `module:test:${randomUUID()}`, taskQueue })
      try {
        await body(run)
        const history = await run.fetchHistory()
        expectReadable(history)
        ended.push({ workflowId: run.workflowId, history })
      } finally {
        await run.terminate('test over').catch(() => undefined)
      }
    })
  }
}

/** A worker that has none of the runs in its cache must come to the same commands from their histories. */
async function expectReplayed(codePath: string, runs: readonly HistoryAndWorkflowId[]): Promise<void> {
  const replayed = Worker.runReplayHistories({ workflowBundle: { codePath } }, runs)
  for await (const { workflowId, error } of replayed) expect(error, workflowId).toBeUndefined()
}

type Methods = Record<string, (...args: never[]) => Promise<unknown>>

/** The methods of an object's class and of those it extends. */
function methodsOf(object: object): Methods {
  const methods: Methods = {}
  for (let type: object = object; type !== Object.prototype; type = Object.getPrototypeOf(type) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(type))) {
      if (name !== 'constructor' && typeof value === 'function') methods[name] ??= value.bind(object)
    }
  }
  return methods
}
