import { expect, test } from 'vitest'
import { overlap } from './network.ts'

test.each([
  ['10.200.0.0/16', '10.200.3.0/24', true],
  ['10.200.0.0/16', '10.0.0.0/8', true],
  ['10.200.0.0/16', '10.200.0.0/16', true],
  ['10.200.0.0/16', '10.200.7.9', true],
  ['10.200.0.0/16', '10.201.0.0/16', false],
  ['10.200.0.0/16', '192.168.0.0/16', false],
])('%s and %s overlap: %s', (a, b, expected) => {
  expect([overlap(a, b), overlap(b, a)]).toEqual([expected, expected])
})
