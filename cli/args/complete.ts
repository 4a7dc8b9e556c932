import type { Command, Completes } from './command.ts'
import { flagsOf } from './commonFlags.ts'

/** One way to go on with a command line. */
export interface Candidate {
  readonly value: string
  readonly help?: string
}

/** What is asked of the cluster to complete a word; nothing when it cannot be asked. */
export type LookUp = (what: Completes, line: readonly string[]) => Promise<readonly string[]>

/**
 * How the last word of a line can go on. `line` are the words behind the program's name, the last one unfinished and
 * perhaps empty.
 */
export async function complete(
  commands: readonly Command[],
  line: readonly string[],
  lookUp: LookUp,
): Promise<readonly Candidate[]> {
  const [name = '', ...words] = line
  const begun = words.at(-1)
  if (begun === undefined) {
    return startingWith(
      name,
      commands.map((command) => ({ value: command.name, help: command.summary })),
    )
  }
  const command = commands.find((candidate) => candidate.name === name)
  if (command === undefined) return []
  const flags = flagsOf(command)
  const isValueOf = (word: string | undefined) =>
    flags.find((flag) => flag.value !== undefined && (word === `--${flag.name}` || word === `-${flag.short}`))
  const flag = isValueOf(words.at(-2))
  const names = async (what: Completes) => (await lookUp(what, line)).map((value) => ({ value }))
  if (flag !== undefined) {
    const values = flag.choices?.map((value) => ({ value })) ?? []
    return startingWith(begun, flag.completes === undefined ? values : await names(flag.completes))
  }
  const [, joinedName, value = ''] = /^(--[^=]+)=(.*)$/u.exec(begun) ?? []
  if (joinedName !== undefined) {
    const found = await complete(commands, [...line.slice(0, -1), joinedName, value], lookUp)
    return found.map((candidate) => ({ ...candidate, value: `${joinedName}=${candidate.value}` }))
  }
  if (begun.startsWith('-')) {
    return startingWith(
      begun,
      flags.map(({ name: flagName, help }) => ({ value: `--${flagName}`, help })),
    )
  }
  const before = words.slice(0, -1)
  const given = before.filter((word, at) => !word.startsWith('-') && isValueOf(before[at - 1]) === undefined)
  const argument = command.arguments[given.length]
  if (argument?.choices !== undefined) {
    return startingWith(
      begun,
      argument.choices.map((value) => ({ value })),
    )
  }
  return argument?.completes === undefined ? [] : startingWith(begun, await names(argument.completes))
}

function startingWith(begun: string, candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(begun))
}

/** As kubectl wants it of `kubectl_complete-kmod`: a line each, help after a tab, then "no file names, please". */
export function formatCandidates(candidates: readonly Candidate[]): string {
  const lines = candidates.map(({ value, help }) => (help === undefined ? value : `${value}\t${help}`))
  return [...lines, ':4'].join('\n')
}
