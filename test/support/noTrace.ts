import { expect } from 'vitest'
import { events, nodeModulesConfigs, nodes, type CustomObject } from '../../activities/kube/resources.ts'
import { listRuns } from './runs.ts'
import type { Scenario } from './scenario.ts'

/**
 * Nothing of a namespace's Modules is written into a node's record, labelled on the Node, or told as loaded, and no run
 * is about a Module that never was.
 */
export async function expectNoTrace(
  { lab, namespace }: Scenario,
  node: string,
  never: string,
): Promise<void> {
  const record = await lab.kube.get<CustomObject>(nodeModulesConfigs, { name: node })
  expect(JSON.stringify(record ?? null)).not.toContain(namespace)
  const { labels = {} } = (await lab.kube.get(nodes, { name: node }))?.metadata ?? {}
  expect(Object.keys(labels).filter((key) => key.includes(namespace))).toEqual([])
  const inNamespaces = await Promise.all(
    ['default', namespace].map(async (its) => (await lab.kube.list(events, { namespace: its })).items),
  )
  const told = inNamespaces.flat().filter((event) => JSON.stringify(event).includes(namespace))
  expect(told.filter(({ reason }) => reason?.endsWith('Loaded'))).toEqual([])
  expect(JSON.stringify(told)).not.toContain('forged by a tenant')
  const runs = await listRuns(lab, `KmmCluster="${lab.cluster}" AND KmmNamespace="${namespace}"`)
  expect(runs.filter(({ workflowId }) => workflowId.includes(`:${never}`))).toEqual([])
}
