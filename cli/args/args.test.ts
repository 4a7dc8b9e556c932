import { expect, test } from 'vitest'
import { commands } from '../commands.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import type { Command } from './command.ts'
import { flagsOf } from './commonFlags.ts'
import { complete, formatCandidates } from './complete.ts'
import { commandPage, helpPage } from './help.ts'
import { parseLine } from './parse.ts'

const commandOf = (name: string): Command => {
  const found = commands.find((command) => command.name === name)
  if (found === undefined) throw new Error(`no command ${name}`)
  return found
}

test('flags stand where kubectl takes them: before and after arguments, short and long, joined or not', () => {
  const line = ['-n', 'drivers', 'fpga', '--output=json', '-w', '--context', 'lab']
  expect(parseLine(commandOf('status'), line)).toMatchObject({
    arguments: ['fpga'],
    flags: { namespace: 'drivers', output: 'json', watch: true, context: 'lab' },
  })
})

test.each<[string, string, string[], RegExp]>([
  [
    'an unknown flag',
    'status',
    ['fpga', '--wach'],
    /^Unknown option '--wach'; see kubectl kmod status --help$/,
  ],
  ['a missing argument', 'status', ['-w'], /^MODULE is missing; see/],
  ['one too many', 'list', ['fpga'], /^"fpga" is one argument too many; see/],
  ['a value that is none of its choices', 'list', ['-o', 'xml'], /^--output xml: give json, yaml, wide; see/],
  ['a flag without its value', 'list', ['-n'], /^Option '-n, --namespace <value>' argument missing; see/],
  ['a flag that has no meaning here', 'completion', ['bash', '-n', 'x'], /^Unknown option '-n'; see/],
])('%s is refused with what would do', (_name, command, line, message) => {
  const error = (() => {
    try {
      return parseLine(commandOf(command), line)
    } catch (thrown) {
      return thrown
    }
  })()
  expect(error).toBeInstanceOf(CliError)
  expect(error).toMatchObject({ message: expect.stringMatching(message), exitCode: exitCodes.usage })
})

test('--help is answered whatever else is missing', () => {
  expect(parseLine(commandOf('status'), ['--help']).flags['help']).toBe(true)
})

test('every command is in the help, with its flags, and has no flag twice', () => {
  const page = helpPage(commands)
  for (const command of commands) {
    expect(page).toContain(`  ${command.name} `)
    const flags = flagsOf(command)
    const titles = flags.flatMap(({ name, short = name }) => [name, short])
    expect(new Set(flags.map(({ name }) => name)).size).toBe(flags.length)
    expect(new Set(titles).size).toBeGreaterThanOrEqual(flags.length)
    const own = commandPage(command)
    for (const { name } of flags) expect(own).toContain(`--${name}`)
    for (const example of command.examples) expect(own).toContain(`  ${example}`)
  }
})

const lookUp = async (what: string) => (what === 'modules' ? ['fpga', 'nvme', 'fast'] : [`${what}-1`])

test.each<[string, string[], string[]]>([
  ['commands', ['co'], ['completion']],
  ['Modules of the cluster', ['status', 'f'], ['fpga', 'fast']],
  ['after flags with values', ['status', '-n', 'drivers', ''], ['fpga', 'nvme', 'fast']],
  ['nothing after the last argument', ['status', 'fpga', ''], []],
  ['flags', ['status', 'fpga', '--w'], ['--watch']],
  ['choices of a flag', ['list', '-o', ''], ['json', 'yaml', 'wide']],
  ['names for a flag', ['list', '--context', ''], ['contexts-1']],
  ['the value of a flag that is joined to it', ['list', '--output=y'], ['--output=yaml']],
  ['nothing for a joined switch', ['status', 'fpga', '--watch=t'], []],
  ['choices of an argument', ['completion', 'f'], ['fish']],
  ['nothing for an unknown command', ['nope', ''], []],
])('completion: %s', async (_name, line, expected) => {
  const found = await complete(commands, line, lookUp)
  expect(found.map(({ value }) => value)).toEqual(expected)
})

test('candidates are written as kubectl reads them', () => {
  expect(formatCandidates([{ value: 'list', help: 'Modules' }, { value: 'x' }])).toBe('list\tModules\nx\n:4')
})
