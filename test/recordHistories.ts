import { Client, Connection } from '@temporalio/client'
import { readState } from '../lab/state.ts'
import { recordHistory } from './support/histories.ts'

/**
 * Records the history of one run of a lab that is up: node test/recordHistories.ts LAB_FOLDER WORKFLOW_ID RUN_ID NAME.
 * It becomes test/histories/NAME.json, which test/replay.temporal.test.ts replays.
 */
const [dir, workflowId, runId, name] = process.argv.slice(2)
const state = dir === undefined ? null : readState(dir)
if (state === null || workflowId === undefined || runId === undefined || name === undefined) {
  throw new Error('usage: node test/recordHistories.ts LAB_FOLDER WORKFLOW_ID RUN_ID NAME, with the lab up')
}
const connection = await Connection.connect({ address: state.temporal.address })
const client = new Client({ connection, namespace: state.temporal.namespace })
await recordHistory(client.workflow.getHandle(workflowId, runId), name)
await connection.close()
