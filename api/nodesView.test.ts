import { describe, expect, test } from 'vitest'
import type { NodeFailure, NodePlan, NodeWork } from './nodePlan.ts'
import { nodeListLimit, viewNodes } from './nodesView.ts'
import { testConfig, testRef, testWorkerPod } from './testCluster.ts'
import { moduleConfigHash } from './nodeModulesConfig.ts'

const config = testConfig()
const entry = { ...testRef, serviceAccountName: 'default', config }
const on = (node: string, change: Partial<NodeWork> = {}): NodeWork => ({
  node,
  uid: `uid-${node}`,
  bootId: 'b',
  action: 'Load',
  configHash: 'c',
  ...change,
})
const todo = (node: string, change: Partial<NodeWork> = {}): NodePlan => ({
  kind: 'work',
  work: on(node, change),
  entry,
})
const failing = (node: string, change: Partial<NodeFailure> = {}): NodePlan => {
  const failure = {
    ...on(node),
    reason: 'KeyRejected',
    message: 'm',
    attempts: 1,
    at: '2026-01-01T00:00:00Z',
  }
  return { kind: 'failed', entry, failure: { ...failure, ...change } }
}
const again = (node: string, retryAt = '2026-01-01T00:01:00Z') => failing(node, { reason: 'InUse', retryAt })
const pod = testWorkerPod('Load', config, { state: { kind: 'running' } })
const followed = (node: string, loaded: boolean): NodePlan => {
  const command = { action: 'Load', bootId: 'b1', config, configHash: moduleConfigHash(config) } as const
  return { kind: 'follow', work: on(node), loaded, pod, command }
}
const view = (plans: readonly NodePlan[], maxParallel = 200) =>
  viewNodes(
    plans.map((plan) => ({ target: true, plan })),
    maxParallel,
  )
const names = (works: readonly NodeWork[]) => works.map(({ node }) => node)
const many = <T>(count: number, make: (node: string) => T) =>
  Array.from({ length: count }, (_, index) => make(`n${index}`))

test('counts every node once', () => {
  const { counts } = viewNodes(
    [
      { target: true, plan: { kind: 'loaded' } },
      { target: false, plan: { kind: 'loaded' } },
      { target: false, plan: { kind: 'idle' } },
      { target: true, plan: { kind: 'waiting' } },
      { target: true, plan: { kind: 'unreachable' } },
      { target: true, plan: todo('a') },
      { target: true, plan: again('b') },
      { target: true, plan: failing('c') },
      { target: true, plan: followed('d', true) },
      { target: true, plan: followed('e', false) },
      { target: true, plan: { kind: 'tidy', work: on('f', { action: 'Relabel' }), loaded: true } },
    ],
    200,
  )
  expect(counts).toEqual({ targets: 9, loaded: 3, failed: 1, waiting: 4, unreachable: 1 })
})

test('what is tried again by itself is work and a failure, any other failure is no work', () => {
  const { work, failures } = view([again('a'), failing('b')])
  expect(names(work)).toEqual(['a'])
  expect(names(failures)).toEqual(['a', 'b'])
})

describe('maxParallel', () => {
  test('bounds what is listed, not what is counted', () => {
    const { work, truncated, counts } = view(many(5, todo), 3)
    expect(names(work)).toEqual(['n0', 'n1', 'n2'])
    expect(truncated).toBe(true)
    expect(counts.waiting).toBe(5)
    expect(view(many(3, todo), 3).truncated).toBe(false)
  })

  test('work under way never falls out of the list', () => {
    expect(names(view([...many(5, todo), followed('x', false)], 3).work)).toEqual(['x', 'n0', 'n1'])
  })

  test("nodes that are stuck or pause take nobody's place", () => {
    const trouble = { reason: 'ImagePullBackOff', message: 'm' }
    const stuck = many(4, (node) => todo(`stuck-${node}`, { trouble }))
    const { work } = view([...stuck, again('paused'), ...many(5, todo)], 2)
    expect(names(work).slice(0, 2)).toEqual(['n0', 'n1'])
    expect(work).toHaveLength(7)
  })
})

describe('pods that do not start', () => {
  const trouble = { reason: 'ImagePullBackOff', message: 'm' }
  const stuck = (count: number) => many(count, (node) => todo(`stuck-${node}`, { podMade: true, trouble }))
  test('are all listed: one that is left out would be ended and made again', () => {
    const { work } = view([...stuck(2 * nodeListLimit), ...many(5, todo)])
    expect(names(work)).toEqual(names(stuck(2 * nodeListLimit).map((p) => ('work' in p ? p.work : on('')))))
  })
  test('of many, no more are made until some of these have ended', () => {
    expect(view([...stuck(nodeListLimit - 1), ...many(5, todo)], 3).work).toHaveLength(nodeListLimit - 1 + 3)
  })
  test('a pod that was made a moment ago keeps its place, whatever comes before it', () => {
    const made = todo('made', { podMade: true })
    expect(names(view([...many(5, todo), made], 2).work)).toEqual(['made', 'n0'])
  })
})

test('of many that pause the next ones are listed', () => {
  const late = many(nodeListLimit, (node) => again(node, '2026-01-01T01:00:00Z'))
  const { work, truncated } = view([...late, again('soon')])
  expect(work[0]?.node).toBe('soon')
  expect(work).toHaveLength(nodeListLimit)
  expect(truncated).toBe(true)
})

test('lists of failures are cut, counts are not', () => {
  const held = view(many(nodeListLimit + 1, failing))
  expect(held).toMatchObject({ truncated: true, counts: { failed: nodeListLimit + 1 } })
  expect(held.failures).toHaveLength(nodeListLimit)
  const newest = failing('newest', { at: '2026-01-02T00:00:00Z' })
  expect(view([...many(nodeListLimit, failing), newest]).failures[0]?.node).toBe('newest')
})
