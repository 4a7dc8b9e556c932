import { complete, formatCandidates } from './args/complete.ts'
import { commandPage, helpPage, program } from './args/help.ts'
import { parseLine } from './args/parse.ts'
import type { Command } from './args/command.ts'
import { Call, type OpenCluster, type Surroundings } from './call.ts'
import { commands } from './commands.ts'
import { lookUpNames } from './commands/lookUpNames.ts'
import { CliError, exitCodes, type ExitCode } from './exitCodes.ts'
import { TerminalWriter } from './output/terminalWriter.ts'

/** Does what a command line says; every end is an exit code, and a sentence when it went wrong. */
export async function runCli(line: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const stdout = new TerminalWriter(surroundings.stdout)
  try {
    const [name, ...words] = line
    if (name === '__complete') {
      stdout.write(`${formatCandidates(await complete(commands, words, lookUpNames))}\n`)
      return exitCodes.ok
    }
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      const about = commands.find((command) => command.name === words[0])
      stdout.write(`${about === undefined ? helpPage(commands) : commandPage(about)}\n`)
      return exitCodes.ok
    }
    const command = commands.find((candidate) => candidate.name === name)
    if (command === undefined) {
      throw new CliError(`there is no command "${name}"; see ${program} --help`, exitCodes.usage)
    }
    const parsed = parseLine(command, words)
    if (parsed.flags['help'] === true) {
      stdout.write(`${commandPage(command)}\n`)
      return exitCodes.ok
    }
    const run = await command.load()
    return await run(new Call(parsed, surroundings, await openerFor(command)))
  } catch (error) {
    if (surroundings.signal.aborted) return exitCodes.ok
    if (!(error instanceof CliError)) throw error
    new TerminalWriter(surroundings.stderr).write(`${program}: ${error.message}\n`)
    return error.exitCode
  }
}

/** What speaks to clusters takes most of a start, so it is loaded for those alone who do. */
async function openerFor({ name, without = [] }: Command): Promise<OpenCluster> {
  if (!without.includes('kubeconfig')) return (await import('./kube/cluster.ts')).openCluster
  return () => {
    throw new Error(`${name} asks no cluster`)
  }
}
