import { afterEach, expect, test } from 'vitest'
import { eventually } from '../eventually.ts'
import { Terminal } from './terminal.ts'

const terminal = new Terminal({ PATH: process.env['PATH'] ?? '', PWD: import.meta.dirname })
afterEach(() => terminal.close())

test('what is exported stays for what is typed later', async () => {
  expect(await terminal.run('export X="two\nlines" Y=1; Z=lost')).toEqual({ code: 0, output: '' })
  expect(await terminal.run('echo "$X-$Y-$Z" $PWD')).toEqual({
    code: 0,
    output: `two\nlines-1- ${import.meta.dirname}\n`,
  })
})

test('both outputs in order, up to the first line that fails', async () => {
  expect(await terminal.run('echo one\necho two >&2\n(exit 4)\necho three')).toEqual({
    code: 4,
    output: 'one\ntwo\n',
  })
})

test('Ctrl-C ends what runs, and the terminal goes on', async () => {
  const running = terminal.start('echo begun; trap "echo heard; exit 0" INT; while :; do sleep 0.1; done')
  await eventually(
    'it runs',
    () => running.output(),
    (output) => output === 'begun\n',
  )
  running.interrupt()
  expect(await running.ended).toEqual({ code: 0, output: 'begun\nheard\n' })
  expect(await terminal.run('echo there')).toMatchObject({ output: 'there\n' })
})
