import { expect, test } from 'vitest'
import { WritePace } from './writePace.ts'

test('news that is out of date soon waits for the interval of each write before it', () => {
  const pace = new WritePace(1_000)
  expect(pace.owed('more is to come', 0)).toBe(0)
  pace.written(0)
  expect(pace.owed('more is to come', 0)).toBe(1_000)
  expect(pace.owed('more is to come', 400)).toBe(600)
  pace.written(400)
  expect(pace.owed('more is to come', 1_000)).toBe(1_000)
  expect(pace.owed('more is to come', 2_000)).toBe(0)
})

test('a last word waits only after many writes; what was not written long ago is not saved up', () => {
  const pace = new WritePace(1_000)
  const writtenFrom = (now: number) => {
    let count = 0
    for (; pace.owed('last word', now) === 0; count++) pace.written(now)
    return count
  }
  expect(writtenFrom(0)).toBe(6)
  expect(pace.owed('last word', 0)).toBe(1_000)
  expect(writtenFrom(1_000)).toBe(1)
  expect(writtenFrom(1_000_000)).toBe(6)
})
