import { describe, expect, it } from 'vitest'
import { loaderResultSchema, type LoaderResult } from '../api/loaderResult.ts'
import { encodeResult } from './result.ts'

const result: LoaderResult = {
  action: 'Load',
  bootId: 'b',
  kernel: '6.1.0',
  command: ['modprobe', '-vd', '/opt', 'm'],
  exitStatus: 1,
  output: 'modprobe: said why',
  reason: 'ModprobeFailed',
  message: 'said why',
}

describe('encodeResult', () => {
  it('leaves what fits as it is, on one line', () => {
    const line = encodeResult(result)
    expect(JSON.parse(line)).toEqual(result)
    expect(line).not.toContain('\n')
  })

  it.each([
    ['a long output', { output: `${'x'.repeat(9000)}end` }],
    ['control characters, six bytes each', { output: `${'\u0001'.repeat(4000)}end` }],
    ['characters of several bytes', { output: `${'😀ü'.repeat(2000)}end` }],
    [
      'a long command',
      { command: ['modprobe', ...Array.from({ length: 500 }, (_, i) => `parameter=${String(i)}`)] },
    ],
    ['one endless argument', { command: ['modprobe', 'x'.repeat(9000)] }],
    ['a long message', { message: `begin${'y'.repeat(9000)}` }],
    [
      'everything long',
      { output: 'x'.repeat(9000), command: ['m', 'y'.repeat(9000)], message: 'z'.repeat(9000) },
    ],
  ])('fits %s into 4096 bytes', (_, changes) => {
    const line = encodeResult({ ...result, ...changes })
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(4096)
    const read = loaderResultSchema.parse(JSON.parse(line))
    expect(read).toMatchObject({ action: 'Load', bootId: 'b', exitStatus: 1, reason: 'ModprobeFailed' })
    expect(read.command[0]).toBe((changes as Partial<LoaderResult>).command?.[0] ?? 'modprobe')
  })

  it('keeps the end of the output and the beginning of the message', () => {
    const read = loaderResultSchema.parse(
      JSON.parse(encodeResult({ ...result, output: `${'x'.repeat(9000)}end`, message: 'begin' })),
    )
    expect(read.output.endsWith('end')).toBe(true)
    expect(read.message).toBe('begin')
  })
})
