import { expect, test } from 'vitest'
import { describeModuleDetails } from './details.ts'

const ref = { namespace: 'drivers', name: 'fpga' }
const view = {
  module: 'alive',
  remains: [],
  outdated: false,
  summary: 'Loaded: Loaded on 2 of 2 nodes.',
} as const

test('how a Module stands', () => {
  expect(describeModuleDetails(ref, view)).toBe('### Module drivers/fpga\n\nLoaded: Loaded on 2 of 2 nodes.')
})

test('what the end of a Module waits for, and the command that gives it up', () => {
  const remains = ['node n1: it is not Ready, and unloaded when it returns', 'build pod p is still there']
  const text = describeModuleDetails(ref, { ...view, module: 'deleting', remains })
  expect(text).toContain(
    '#### Waits for\n- node n1: it is not Ready, and unloaded when it returns\n- build pod p is still there\n',
  )
  expect(text).toMatch(
    /\*\*What unblocks it\*\*: .*\n\n```sh\nkubectl -n drivers annotate module fpga .*force-finalize='why'\n```$/,
  )
})
