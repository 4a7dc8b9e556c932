import { describe, expect, test } from 'vitest'
import { nodeEligibility, tolerates } from './eligibility.ts'
import type { Toleration } from './kubernetesTypes.ts'

const module = (selector: Record<string, string>, tolerations: Toleration[] = []) => ({
  spec: { selector, tolerations },
})
const taint = (key: string, effect = 'NoSchedule', value = '') => ({ key, effect, value })

describe('nodes:SCH-2 selector', () => {
  test('an empty selector matches every node', () => {
    expect(nodeEligibility(module({}), {})).toEqual({ kind: 'target' })
  })
  test('every pair must match', () => {
    const selecting = module({ a: '1', b: '' })
    expect(nodeEligibility(selecting, { labels: { a: '1', b: '', c: 'x' } }).kind).toBe('target')
    expect(nodeEligibility(selecting, { labels: { a: '1' } })).toEqual({
      kind: 'selector',
      label: 'b',
      wanted: '',
      found: undefined,
    })
    expect(nodeEligibility(selecting, { labels: { a: '2', b: '' } })).toMatchObject({
      label: 'a',
      found: '2',
    })
  })
  test('the selector speaks before taints', () => {
    expect(nodeEligibility(module({ a: '1' }), { taints: [taint('x')] }).kind).toBe('selector')
  })
})

describe('nodes:SCH-2 taints', () => {
  test.each([
    ['NoSchedule', 'taint'],
    ['NoExecute', 'taint'],
    ['PreferNoSchedule', 'target'],
  ])('%s -> %s', (effect, kind) => {
    expect(nodeEligibility(module({}), { taints: [taint('gpu', effect)] }).kind).toBe(kind)
  })
  test('a toleration of the Module opens the node', () => {
    const tolerating = module({}, [{ key: 'gpu', operator: 'Exists' }])
    expect(nodeEligibility(tolerating, { taints: [taint('gpu')] }).kind).toBe('target')
  })
})

test.each([
  ['node.kubernetes.io/disk-pressure', 'NoSchedule', 'target'],
  ['node.kubernetes.io/memory-pressure', 'NoSchedule', 'target'],
  ['node.kubernetes.io/pid-pressure', 'NoSchedule', 'target'],
  ['node.kubernetes.io/disk-pressure', 'NoExecute', 'taint'],
])('nodes:SCH-3 %s:%s -> %s', (key, effect, kind) => {
  expect(nodeEligibility(module({}), { taints: [taint(key, effect)] }).kind).toBe(kind)
})

describe('nodes:SCH-6 Better: life-cycle taints pause', () => {
  test.each([
    'node.kubernetes.io/unschedulable',
    'node.kubernetes.io/not-ready',
    'node.kubernetes.io/unreachable',
    'node.kubernetes.io/network-unavailable',
    'node.kubernetes.io/out-of-service',
    'node.cloudprovider.kubernetes.io/shutdown',
  ])('%s', (key) => {
    expect(nodeEligibility(module({}), { taints: [taint(key, 'NoExecute')] })).toEqual({
      kind: 'paused',
      taint: taint(key, 'NoExecute'),
    })
  })
  test('another taint beside it decides', () => {
    const node = { taints: [taint('node.kubernetes.io/unschedulable'), taint('gpu')] }
    expect(nodeEligibility(module({}), node)).toEqual({ kind: 'taint', taint: taint('gpu') })
  })
  test('tolerated, it is no matter', () => {
    const tolerating = module({}, [{ operator: 'Exists' }])
    expect(nodeEligibility(tolerating, { taints: [taint('node.kubernetes.io/unschedulable')] }).kind).toBe(
      'target',
    )
  })
})

test.each([
  [{ operator: 'Exists' }, true],
  [{ key: 'k', operator: 'Exists' }, true],
  [{ key: 'other', operator: 'Exists' }, false],
  [{ key: 'k', operator: 'Equal', value: 'v' }, true],
  [{ key: 'k', value: 'v' }, true],
  [{ key: 'k', operator: '', value: 'v', effect: '' }, true],
  [{ key: 'k', value: 'w' }, false],
  [{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }, true],
  [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }, false],
  [{ key: 'k', operator: 'Gt', value: 'v' }, false],
])('toleration %j of k=v:NoSchedule: %s', (toleration, expected) => {
  expect(tolerates(toleration, taint('k', 'NoSchedule', 'v'))).toBe(expected)
})
