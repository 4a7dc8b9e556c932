import type { Argument, Command, Flag } from './command.ts'
import { flagsOf } from './commonFlags.ts'

/** How the plugin is called. */
export const program = 'kubectl kmod'

/** The page of the whole plugin. */
export function helpPage(commands: readonly Command[]): string {
  return [
    `${program}: kernel modules of the cluster, what they wait for, and how to go on.`,
    '',
    'Commands:',
    ...aligned(commands.map(({ name, summary }) => [name, summary])),
    '',
    `${program} COMMAND --help says more of a command.`,
    'Exit codes: 0 done, 1 failed, 2 wrong command line, 3 not found, 4 the answer is no, 5 not yet, 6 forbidden.',
  ].join('\n')
}

/** The page of one command. */
export function commandPage(command: Command): string {
  const { help, examples } = command
  return [
    `${program} ${usageOf(command)}`,
    '',
    help,
    '',
    'Flags:',
    ...aligned(flagsOf(command).map((flag) => [flagTitle(flag), flag.help])),
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
  ].join('\n')
}

/** `status MODULE [--watch]` */
export function usageOf({ name, arguments: wanted, flags }: Command): string {
  return [name, ...wanted.map(argumentTitle), ...flags.map(flagUsage)].join(' ')
}

function argumentTitle({ name, optional }: Argument): string {
  return optional === true ? `[${name}]` : name
}

function flagUsage({ name, short, value }: Flag): string {
  const title = short === undefined ? `--${name}` : `-${short}`
  return value === undefined ? `[${title}]` : `[${title} ${value}]`
}

/** `-n, --namespace NAMESPACE` */
export function flagTitle({ name, short, value }: Flag): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`)
}
