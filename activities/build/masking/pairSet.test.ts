import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PairSet } from './pairSet.ts'

const number = fc.oneof(fc.integer(), fc.integer({ min: -2, max: 2 }))

test('it holds what was added and nothing else', () => {
  const pairs = fc.array(fc.tuple(number, number), { maxLength: 300 })
  fc.assert(
    fc.property(pairs, pairs, (added, asked) => {
      const set = new PairSet()
      for (const [a, b] of added) set.add(a, b)
      // The pair of zeros stands for itself and for (0, 1).
      const keyOf = ([a, b]: [number, number]) => (a === 0 && b === 0 ? '0 1' : `${a} ${b}`)
      const known = new Set(added.map(keyOf))
      expect(set.size).toBe(known.size)
      for (const pair of [...added, ...asked]) expect(set.has(...pair)).toBe(known.has(keyOf(pair)))
    }),
  )
})

test('it takes at most 22 bytes for a pair', () => {
  const set = new PairSet()
  for (let i = 0; i < 100_000; i++) {
    set.add(i, -i)
    if (i > 100) expect(set.bytes / set.size).toBeLessThan(22)
  }
})
