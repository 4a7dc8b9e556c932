import { expect, test } from 'vitest'
import { checkMappings } from '../api/mapping.ts'
import { testModule } from '../api/testModule.ts'
import { expressions } from './expressions.ts'
import { createModule, refusal } from './moduleApi.ts'
import { smallSpec } from './moduleSpecs.ts'

/** The API server takes them and we do not: a condition says so. */
const refusedByUsOnly = ['(?P<n>a)(?P<n>b)', '(?:abcdefghijabcdefghij){500}']

test('the API server’s RE2 and ours take the same expressions, but for those that are known', async () => {
  const refusedByUs: string[] = []
  const refusedByTheServer: string[] = []
  for (const regexp of expressions) {
    const answer = await refusal(createModule(smallSpec({ mapping: { regexp } }), undefined, 'All'))
    if (!answer.includes('it was taken')) expect(answer).toContain('error parsing regexp')
    const taken = answer.includes('it was taken')
    const faults = checkMappings(testModule({ mapping: { regexp } }))
    for (const fault of faults) {
      expect(fault).toMatchObject({ reason: 'RegexpInvalid', message: expect.stringContaining('.regexp: ') })
    }
    if (taken && faults.length > 0) refusedByUs.push(regexp)
    if (!taken && faults.length === 0) refusedByTheServer.push(regexp)
  }
  expect(refusedByUs).toEqual(refusedByUsOnly)
  expect(refusedByTheServer).toEqual([])
}, 120_000)
