import { expect, test } from 'vitest'
import { pauseAfter } from './retryPace.ts'

test('what passes by itself, such as a module in use, is tried at a growing pace, for as long as it takes', () => {
  expect([1, 2, 3, 7, 1000].map((n) => pauseAfter('passing', n))).toEqual([
    5_000, 10_000, 20_000, 300_000, 300_000,
  ])
})

test('what the cluster ended is tried again three times, then held', () => {
  expect([1, 2, 3, 4].map((n) => pauseAfter('endedByCluster', n))).toEqual([
    10_000,
    20_000,
    40_000,
    undefined,
  ])
})

test('everything else is held at once', () => {
  expect(pauseAfter('held', 1)).toBeUndefined()
})
