import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { expressions } from './expressions.ts'

/** Of a thread that holds more the process ends it with an error. */
const memoryMb = 256

test('hostile expressions on long releases end, in little memory, with what they should', async () => {
  const worker = new Worker(new URL('hostileExpressions.worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
  })
  try {
    const [outcomes] = (await once(worker, 'message')) as [string[]]
    const of = (expression: string) => outcomes[expressions.indexOf(expression)]
    expect(outcomes).toHaveLength(expressions.length)
    expect(of('(a+)+$')).toBe('matches 0 of 10')
    expect(of('^(a|a)*$')).toBe('matches 0 of 10')
    expect(of('(x+x+)+y')).toBe('matches 0 of 10')
    expect(of('(.*)*$')).toBe('matches 10 of 10')
    expect(of(`${'a?'.repeat(200)}${'a'.repeat(200)}`)).toBe('matches 2 of 10')
    for (const tooLarge of [
      '(.{1,1000}){1,1000}',
      '((a{1,1000}){1,1000}){1,1000}',
      'a{1001}',
      '(?:abcdefghijabcdefghij){500}',
    ]) {
      expect(of(tooLarge)).toBe('refused')
    }
  } finally {
    await worker.terminate()
  }
  // Only against hanging for ever: a backtracking engine would need longer than the universe has.
}, 240_000)
