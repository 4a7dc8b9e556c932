import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker'
import { beforeAll, expect, test } from 'vitest'
import { recordedHistories } from './support/histories.ts'

let workflowBundle: WorkflowBundle
beforeAll(async () => {
  const logger = new DefaultLogger('ERROR')
  Runtime.install({ logger })
  const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url))
  workflowBundle = await bundleWorkflowCode({ workflowsPath, logger })
})

const histories = recordedHistories()

test('there is a history of each course', () => {
  expect(histories.map(({ name }) => name)).toEqual([
    'built-and-loaded',
    'held-and-retried',
    'interrupted',
    'loaded',
  ])
})

/** A failure means that open runs would not survive an upgrade: see "Upgrades" in docs/architecture.md. */
test.each(histories)('$name replays', async ({ history, name }) => {
  await Worker.runReplayHistory({ workflowBundle }, history, name)
})
