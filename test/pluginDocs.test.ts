import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commands } from '../cli/commands.ts'
import { exitCodes } from '../cli/exitCodes.ts'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/kubectl-kmod.md'), 'utf8')

test.each(commands.map((command) => [command.name, command] as const))(
  '%s is in the reference',
  (name, command) => {
    expect(page).toMatch(new RegExp(`^\\| \`${name}[ \`]`, 'm'))
    for (const { name: argument } of command.arguments)
      expect(page).toContain(argument === 'SHELL' ? 'bash' : argument)
  },
)

test('what -o wide adds is in the reference', () => {
  for (const { name, wide } of commands)
    if (wide !== undefined) expect(page).toContain(`\`${name}\` with ${wide}`)
})

test('every exit code is in the reference', () => {
  for (const code of Object.values(exitCodes)) expect(page).toMatch(new RegExp(`^\\| ${code} +\\|`, 'm'))
})

describe('the table of causes', () => {
  /** Words in backquotes that look like a reason. */
  const reasonsIn = (text = '') => [...text.matchAll(/`([A-Z]\w+)`/gu)].map(([, reason = '']) => reason)
  const table = page.slice(page.indexOf('\n| Cause '))
  const rows = table
    .slice(0, table.indexOf('\n\n'))
    .split('\n')
    .slice(3)
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, cause = '', line = '', , tests = '']) => ({ cause, line, tests }))
  /** A test with what it takes its cases from. */
  const textOf = (name: string) =>
    [`{test,cli}/**/${name}.*test.ts`, ...(name === 'loader' ? ['test/support/failingLoads.ts'] : [])]
      .flatMap((pattern) => globSync(pattern, { cwd: root }))
      .map((file) => readFileSync(join(root, file), 'utf8'))
      .join('\n')

  /** Reasons by the test that produces them; those in parentheses, when there are any, else all others of the row. */
  const shown = rows.flatMap(({ line, tests }) =>
    tests.split(/[;,] (?=[a-z])/u).flatMap((part) => {
      const rest = reasonsIn(line).filter((reason) => !reasonsIn(tests).includes(reason))
      const [name = ''] = part.split(' ')
      const named = reasonsIn(part)
      const all = named.length > 0 ? named : name.endsWith('Checks') ? [] : rest
      return all.map((reason) => ({ name, what: `${line.split(':')[0]}: ${reason}`, reason }))
    }),
  )

  test.each(rows)('$cause: $tests', ({ tests }) => {
    for (const part of tests.split(/[;,] (?=[a-z])/u)) expect(textOf(part.split(' ')[0] ?? '')).not.toBe('')
  })

  test.each(shown)('$what is in $name', ({ name, reason }) => {
    expect(textOf(name)).toMatch(new RegExp(`\\b${reason}\\b`))
  })

  test('at least twenty are produced beside a real operator', () => {
    expect(new Set(shown.map(({ what }) => what)).size).toBeGreaterThanOrEqual(20)
  })
})
