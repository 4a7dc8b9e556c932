import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createKube } from '../activities/kube/client.ts'
import type { Kube } from '../activities/kube/kube.ts'
import { events, modules, nodeModulesConfigs, nodes, pods } from '../activities/kube/resources.ts'
import { readable } from './support/history.ts'
import { keptLogs, planted, plantedIn } from './support/planted.ts'

const state = inject('labState')
let kube: Kube
let connection: Connection
beforeAll(async () => {
  kube = createKube(state.kubernetes.kubeconfig)
  connection = await Connection.connect({ address: state.temporal.address })
})
afterAll(async () => {
  await connection.close()
  await kube.close()
})

/** Where planted secrets turn up in a file, read line by line; how many lines it has. */
async function scan(file: string): Promise<{ readonly lines: number; readonly found: readonly string[] }> {
  const found: string[] = []
  let lines = 0
  for await (const line of createInterface({ input: createReadStream(file) })) {
    lines++
    found.push(...plantedIn(line).map((where) => `${file}:${lines}: ${where}`))
  }
  return { lines, found }
}

test.each([0, 1, 2, 3])('a planted secret is found, also in base64 after %i bytes', (before) => {
  const text = `${'x'.repeat(before)}${planted()} and more`
  expect(plantedIn(text)).not.toEqual([])
  expect(plantedIn(`a ${Buffer.from(text).toString('base64')}`)).not.toEqual([])
  expect(plantedIn(Buffer.from(text).toString('base64url'))).not.toEqual([])
  expect(plantedIn('nothing of it')).toEqual([])
})

test('no history of any run, closed or open, holds a planted secret', async () => {
  const temporal = new Client({ connection, namespace: state.temporal.namespace })
  let runs = 0
  const found: string[] = []
  for await (const { workflowId, runId } of temporal.workflow.list()) {
    const handle = temporal.workflow.getHandle(workflowId, runId)
    const text = readable([await handle.fetchHistory(), (await handle.describe()).raw])
    found.push(...plantedIn(text).map((where) => `${workflowId} ${runId}: ${where}`))
    runs++
  }
  expect(found).toEqual([])
  expect(runs).toBeGreaterThan(0)
})

test('no log of an operator holds one', async () => {
  const scans = await Promise.all(keptLogs(state).map(scan))
  expect(scans.flatMap(({ found }) => found)).toEqual([])
  expect(scans.reduce((sum, { lines }) => sum + lines, 0)).toBeGreaterThan(0)
})

test('no log of a program of the cluster does', async () => {
  const files = readdirSync(state.logs, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => join(state.logs, name))
  expect((await Promise.all(files.map(scan))).flatMap(({ found }) => found)).toEqual([])
})

/** With what it holds: statuses, Events, annotations, pods, records and Leases, also of objects that are gone. */
test('nothing that the operator has written to the cluster holds one', async () => {
  const { lines, found } = await scan(inject('auditLog'))
  expect(found).toEqual([])
  expect(lines).toBeGreaterThan(0)
})

test('the audit log holds what was written', async () => {
  let bodies = 0
  for await (const line of createInterface({ input: createReadStream(inject('auditLog')) })) {
    if (line.includes('"requestObject"')) bodies++
  }
  expect(bodies).toBeGreaterThan(0)
})

test('no object that is left in the cluster does, but Secrets', async () => {
  for (const resource of [modules, nodeModulesConfigs, nodes, pods, events]) {
    const { items } = await kube.list(resource, {})
    expect(plantedIn(JSON.stringify(items)), resource.plural).toEqual([])
  }
})
