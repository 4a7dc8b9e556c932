import { expect, test } from 'vitest'
import { mergeSeen } from './seen.ts'

test('of each kind the newest version stays, whatever the order of the news', () => {
  const known = { Pod: '9', Module: '20' }
  expect(mergeSeen(known, { Pod: '10', Module: '5', Node: '1' })).toEqual({
    Pod: '10',
    Module: '20',
    Node: '1',
  })
  expect(known).toEqual({ Pod: '9', Module: '20' })
})
