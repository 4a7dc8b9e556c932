import { expect, test } from 'vitest'
import { DurationError, formatDuration, parseDuration } from './duration.ts'

test.each([
  ['0', 0],
  ['0s', 0],
  ['30s', 30_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['1.s', 1000],
  ['-1m', -60_000],
  ['+1m', 60_000],
  ['1h2m3s4ms', 3_723_004],
  ['1500us', 1.5],
  ['2µs', 0.002],
])('parses %s', (text, milliseconds) => {
  expect(parseDuration(text)).toBeCloseTo(milliseconds, 9)
})

test.each(['', '30', '30 s', 's', '1d', '1h 30m', '.s', '1e3s', '-', 'NaNs', '1S'])(
  'refuses "%s"',
  (text) => {
    expect(() => parseDuration(text)).toThrow(DurationError)
    expect(() => parseDuration(text)).toThrow(`"${text}" is not a duration`)
  },
)

test.each([
  [0, '0s'],
  [500, '500ms'],
  [1500, '1.5s'],
  [30_000, '30s'],
  [60_000, '1m0s'],
  [5_400_000, '1h30m0s'],
  [3_600_000, '1h0m0s'],
  [-90_000, '-1m30s'],
])('%d ms is %s, and back', (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text)
  expect(parseDuration(text)).toBe(milliseconds)
})
