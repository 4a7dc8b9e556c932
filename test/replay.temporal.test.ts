import { DefaultLogger, Runtime, Worker } from '@temporalio/worker'
import { beforeAll, expect, test } from 'vitest'
import { workflowBundle } from '../lab/workflowBundle.ts'
import { recordedHistories } from './support/histories.ts'

let codePath: string
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') })
  codePath = await workflowBundle()
})

const histories = recordedHistories()

test('there is a history of each course', () => {
  expect(histories.map(({ name }) => name)).toEqual([
    'built-and-loaded',
    'held-and-retried',
    'interrupted',
    'loaded',
    'signed',
  ])
})

/** A failure means that open runs would not survive an upgrade: see "Upgrades" in docs/architecture.md. */
test.each(histories)('$name replays', async ({ history, name }) => {
  await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, name)
})
