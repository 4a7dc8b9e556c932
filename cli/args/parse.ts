import { parseArgs } from 'node:util'
import { CliError, exitCodes } from '../exitCodes.ts'
import type { Command, Flag } from './command.ts'
import { flagsOf } from './commonFlags.ts'

/** Values of flags by name. */
export type FlagValues = Readonly<Record<string, string | boolean | undefined>>

export interface ParsedLine {
  readonly flags: FlagValues
  /** In the order of the command's `arguments`. */
  readonly arguments: readonly string[]
}

/**
 * Reads what stands behind a command's name. Throws a CliError that names what is wrong and what would do.
 */
export function parseLine(command: Command, line: readonly string[]): ParsedLine {
  const flags = flagsOf(command)
  const { values, positionals } = tryParse(command, flags, line)
  if (values['help'] === true) return { flags: values, arguments: positionals }
  for (const flag of flags) checkChoice(command, flag, values[flag.name])
  const wanted = command.arguments
  const missing = wanted.slice(positionals.length).find(({ optional }) => optional !== true)
  if (missing !== undefined) throw usageError(command, `${missing.name} is missing`)
  const surplus = positionals[wanted.length]
  if (surplus !== undefined) throw usageError(command, `"${surplus}" is one argument too many`)
  return { flags: values, arguments: positionals }
}

function tryParse(command: Command, flags: readonly Flag[], line: readonly string[]) {
  const options = Object.fromEntries(
    flags.map(({ name, short, value }) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        ...(short === undefined ? {} : { short }),
      },
    ]),
  )
  try {
    return parseArgs({ args: [...line], options, allowPositionals: true })
  } catch (error) {
    // Node's own sentence; what follows a full stop in it is about "--", which nobody needs here.
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    throw usageError(command, why)
  }
}

function checkChoice(command: Command, flag: Flag, value: string | boolean | undefined): void {
  if (flag.choices === undefined || value === undefined || flag.choices.includes(String(value))) return
  throw usageError(command, `--${flag.name} ${String(value)}: give ${flag.choices.join(', ')}`)
}

/** The value of a flag that counts from 1 on. Throws a CliError for anything else. */
export function countOf(command: Pick<Command, 'name'>, flag: string, value: string): number {
  if (!/^[1-9]\d*$/u.test(value)) {
    throw usageError(command, `--${flag} ${value}: give a number from 1 on`)
  }
  return Number(value)
}

/** A command line that is wrong. */
export function usageError({ name }: Pick<Command, 'name'>, why: string): CliError {
  return new CliError(`${why}; see kubectl kmod ${name} --help`, exitCodes.usage)
}
