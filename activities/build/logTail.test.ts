import { expect, test } from 'vitest'
import { errorMark, LogTail, logTailLimit } from './logTail.ts'

const as = (text: string) => text
function tail(lines: readonly string[], mask = as): LogTail {
  const log = new LogTail(mask)
  for (const line of lines) log.add(line)
  return log
}

test("kaniko's progress is no error line, whatever the command says", () => {
  const progress = 'time="2026-01-01T00:00:00Z" level=info msg="Running: [/bin/sh -c make || echo failed]"'
  const cause = 'src/a.c:5:3: error: expected ;'
  expect(tail([progress, cause, progress]).errorLines()).toBe(cause)
})

test.each([
  ['of a pod', 'time="2026-01-01T00:00:00Z" level=info msg="Running: [/bin/sh -c make || echo error]"'],
  ['of a terminal', 'INFO[0002] Running: [/bin/sh -c make || echo error]'],
])('the output of the last command, in the format %s', (_name, running) => {
  const log = tail([running, 'first', running, 'second', 'error building image: x'])
  expect(log.lastCommand()).toBe('second\nerror building image: x')
  expect(tail(['no command']).lastCommand()).toBe('no command')
})

test('error lines are marked in the log, and only there', () => {
  const log = tail(['cc x.c', 'x.c:1: error: y', 'INFO[0000] Running: [echo error]'])
  expect(log.marked()).toBe(`cc x.c\n${errorMark}x.c:1: error: y\nINFO[0000] Running: [echo error]`)
  expect(log.text()).not.toContain(errorMark)
  expect(log.errorLines()).toBe('x.c:1: error: y')
})

test('with its marks a log is no longer than the limit', () => {
  const text = tail(Array.from({ length: 20_000 }, () => 'error')).marked()
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(logTailLimit)
  expect(text.split('\n').every((line) => line === `${errorMark}error`)).toBe(true)
})

test('a short log is kept whole', () => {
  expect(tail(['a', '', 'b']).text()).toBe('a\n\nb')
  expect(tail([]).text()).toBe('')
})

test('of a long log the end is kept, in whole lines', () => {
  const lines = Array.from({ length: 10_000 }, (_, i) => `line ${i} äöü`)
  const text = tail(lines).marked()
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(logTailLimit)
  expect(Buffer.byteLength(text)).toBeGreaterThan(logTailLimit - 100)
  const known = new Set(lines)
  expect(text.split('\n').every((line) => known.has(line))).toBe(true)
  expect(text.endsWith('line 9999 äöü')).toBe(true)
})

test('one line that is too long is cut', () => {
  expect(tail(['x'.repeat(logTailLimit * 2)]).marked()).toHaveLength(logTailLimit)
})

test('the last line is shown as it comes, blank ones are not', () => {
  expect(tail(['compiling', ' ']).last).toBe('compiling')
  expect(tail(['x'.repeat(500)]).last).toHaveLength(200)
})

test('every line is masked before it is kept', () => {
  const log = tail(['error: s3cr3t', 's3cr3t'], (line) => line.replaceAll('s3cr3t', '***'))
  expect([log.text(), log.last, log.errorLines()]).toEqual(['error: ***\n***', '***', 'error: ***'])
})

test('colours are taken out, also from within a secret', () => {
  const log = tail(['\u001b[31merror\u001b[0m: s3\u001b[1mcr3t'], (line) => line.replaceAll('s3cr3t', '***'))
  expect(log.text()).toBe('error: ***')
})

test.each([
  ["fpga.c:3:1: error: unknown type name 'foo'"],
  ['make[1]: *** [Makefile:2: all] Error 2'],
  ["make: *** No rule to make target 'x'.  Stop."],
  ['fatal: not a git repository'],
  ["x.c:(.text+0x1): undefined reference to `bar'"],
  ['cp: cannot stat: No such file or directory'],
  ['sh: gcc: not found'],
])('an error line: %s', (line) => {
  expect(tail(['before', line, 'after']).errorLines()).toBe(line)
})

test('without error lines the last lines are shown', () => {
  expect(tail(['1', '2', '3', '4', '5', '6']).errorLines()).toBe('2\n3\n4\n5\n6')
})

test('error lines fit 2 KiB: the last ones, each cut', () => {
  const text = tail(Array.from({ length: 50 }, (_, i) => `error ${i} ${'x'.repeat(1000)}`)).errorLines()
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2048)
  expect(text.split('\n')).toHaveLength(6)
  expect(text.split('\n').at(-1)).toMatch(/^error 49 x{1,300}$/)
})

test('a long last line without error words is cut too, not dropped', () => {
  expect(tail(['x'.repeat(5000)]).errorLines()).toHaveLength(300)
})

test('a log of empty lines is kept up to the limit', () => {
  const log = tail(Array.from({ length: 200_000 }, () => ''))
  expect(Buffer.byteLength(log.marked())).toBeLessThanOrEqual(logTailLimit)
  expect(log.text().length).toBeGreaterThan(logTailLimit - 10)
})

test('a sequence of control characters that is cut in two leaves nothing', () => {
  const log = new LogTail(as)
  log.add('one \u001b[31', false)
  log.add(';1mtwo\u001b[', false)
  log.add('0m three')
  expect(log.text().replaceAll('\n', '')).toBe('one two three')
})

test('a line is text: what moves the cursor or hides something is taken out, what was written over stays', () => {
  const log = tail(['10%\r20%\rerror: x\u007fy\u0085\u001b]0;t\u0007z\bw\r', 'windows\r'])
  expect(log.marked()).toBe(`${errorMark}10% 20% error: xyzw\nwindows`)
  expect(log.errorLines()).toBe('10% 20% error: xyzw')
})
