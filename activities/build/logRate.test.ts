import { expect, test } from 'vitest'
import { costOf, LogRate } from './logRate.ts'

/** A rate of 1,000 bytes a second, 500 at once, whose clock is moved on by waiting alone. */
function slowRate() {
  let now = 1_000_000
  const clock = {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms
    },
  }
  return { rate: new LogRate(1000, 500, clock), now: () => now, pass: (ms: number) => (now += ms) }
}

test('what is read at once is bounded, and then the rate is', async () => {
  const { rate, now } = slowRate()
  const since = now()
  await rate.take(500)
  expect(now() - since).toBe(0)
  for (let i = 0; i < 100; i++) await rate.take(100)
  expect(now() - since).toBeCloseTo(10_000)
})

test('a pause gives no more than what is read at once', async () => {
  const { rate, now, pass } = slowRate()
  pass(60_000)
  const since = now()
  await rate.take(1500)
  expect(now() - since).toBeCloseTo(1000)
})

test('all readers together have the rate', async () => {
  const { rate, now } = slowRate()
  const since = now()
  const reader = async () => {
    for (let i = 0; i < 10; i++) await rate.take(100)
  }
  await Promise.all([reader(), reader()])
  expect(now() - since).toBeGreaterThanOrEqual(1500)
})

test('empty lines cost too', () => {
  expect(costOf([{ text: '' }, { text: 'abc' }])).toBe(131)
})
