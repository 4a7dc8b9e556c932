import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commands } from '../cli/commands.ts'
import { exitCodes } from '../cli/exitCodes.ts'

const page = readFileSync(new URL('../docs/kubectl-kmod.md', import.meta.url), 'utf8')

test.each(commands.map((command) => [command.name, command] as const))(
  '%s is in the reference',
  (name, command) => {
    expect(page).toMatch(new RegExp(`^\\| \`${name}[ \`]`, 'm'))
    for (const { name: argument } of command.arguments)
      expect(page).toContain(argument === 'SHELL' ? 'bash' : argument)
  },
)

test('every exit code is in the reference', () => {
  for (const code of Object.values(exitCodes)) expect(page).toMatch(new RegExp(`^\\| ${code} +\\|`, 'm'))
})
