import { parentPort } from 'node:worker_threads'
import { checkMappings, resolveMapping } from '../api/mapping.ts'
import { testModule } from '../api/testModule.ts'
import { expressions } from './expressions.ts'

const texts = ['a', 'x', 'ab', '6.1.0-', 'Aa'].flatMap((unit) => [
  `${unit.repeat(300)}`,
  `${unit.repeat(300)}!`,
])
const outcomes = expressions.map((regexp) => {
  const module = testModule({ mapping: { regexp } })
  if (checkMappings(module).length > 0) return 'refused'
  const matching = texts.filter((text) => resolveMapping(module, `${text}.1.0`).kind !== 'unmapped')
  return `matches ${matching.length} of ${texts.length}`
})
parentPort?.postMessage(outcomes)
