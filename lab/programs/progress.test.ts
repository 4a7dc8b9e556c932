import { expect, onTestFinished, test, vi } from 'vitest'
import { createProgress, elapsed } from './progress.ts'

const output = (isTTY: boolean) => {
  const written: string[] = []
  return { isTTY, columns: 60, written, write: (text: string) => written.push(text) }
}

const clock = () => {
  vi.useFakeTimers({ now: 0 })
  onTestFinished(() => void vi.useRealTimers())
}

test.each([
  [0, '0.0 s'],
  [430, '0.4 s'],
  [12_300, '12 s'],
  [59_600, '1 min 0 s'],
  [239_897, '4 min 0 s'],
])('%d ms is %s', (milliseconds, text) => {
  expect(elapsed(milliseconds)).toBe(text)
})

test('a plain log has a line per phase and one at the end, not one per detail', () => {
  clock()
  const plain = output(false)
  const line = createProgress(plain).start('etcd')
  line.say('downloading', '1 MB')
  line.say('downloading', '2 MB')
  vi.advanceTimersByTime(12_000)
  line.done('downloaded')
  expect(plain.written).toEqual(['  etcd: downloading\n', '✓ etcd: downloaded, 12 s\n'])
})

test('a plain log shows every 30 s that a long phase is alive', () => {
  clock()
  const plain = output(false)
  const line = createProgress(plain).start('kubelet')
  line.say('compiling', '10 packages')
  vi.advanceTimersByTime(29_000)
  line.say('compiling', '412 packages')
  vi.advanceTimersByTime(1_500)
  expect(plain.written).toEqual(['  kubelet: compiling\n', '  kubelet: compiling, 412 packages, 30 s\n'])
})

test('a terminal redraws open tasks below the finished lines and keeps to its width', () => {
  clock()
  const terminal = output(true)
  const progress = createProgress(terminal)
  progress.start('crane').say('compiling', '7 packages'.repeat(10))
  expect(terminal.written.at(-1)).toMatch(/^ {2}crane: compiling.{0,42}\n$/)
  const other = progress.start('etcd')
  other.say('downloading')
  other.done('downloaded')
  const [cleared, finished, open] = (terminal.written.at(-1) ?? '').split(/(?=✓)|(?<=s\n)/)
  expect(cleared).toBe('\u001B[2A\u001B[J')
  expect(finished).toBe('✓ etcd: downloaded, 0.0 s\n')
  expect(open).toMatch(/^ {2}crane: .*\n$/)
  progress.close()
  expect(terminal.written.at(-1)).toBe('\u001B[1A\u001B[J')
})

test('a failure shows its first line only', () => {
  const plain = output(false)
  createProgress(plain).start('go').fail('no compiler\n  | details')
  expect(plain.written[0]).toMatch(/^✗ go: no compiler, /)
})
