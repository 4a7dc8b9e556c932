#!/usr/bin/env node
import { readFile, writeFile } from 'node:fs/promises'
import { parseWorkerCommand, workerPaths, type WorkerCommand } from '../api/workerCommand.ts'
import { openHost } from './host.ts'
import { encodeResult, terminationMessageLimit } from './result.ts'
import { runCommand } from './runCommand.ts'

/**
 * The program in a worker pod: `loader [FILE]` runs the one command in FILE on this node. It writes the result as
 * one line of JSON to the termination log and to stdout (what modprobe prints goes to stderr) and ends with 0 for
 * success and for an obsolete command, else with 1. A command that cannot be read has no result: one line of text
 * says why. No network, no shell.
 */
const stopped = new AbortController()
// As process 1 of a container there is no default action for SIGTERM.
process.on('SIGTERM', () => stopped.abort())

const file = process.argv[2] ?? workerPaths.command
const terminationLog = process.env['KMM_TERMINATION_LOG'] ?? '/dev/termination-log'

process.exitCode = await main()

async function main(): Promise<number> {
  let command: WorkerCommand
  try {
    command = parseWorkerCommand(await readFile(file, 'utf8'))
  } catch (error) {
    await report(`loader: ${file}: ${(error as Error).message}`.slice(0, terminationMessageLimit / 4))
    return 1
  }
  const host = openHost({ signal: stopped.signal, onLine: (line) => process.stderr.write(`${line}\n`) })
  const result = await runCommand(host, command)
  const ended = stopped.signal.aborted && result.reason !== undefined
  await report(
    encodeResult(ended ? { ...result, message: `ended by SIGTERM: ${result.message ?? ''}` } : result),
  )
  return result.reason === undefined || result.reason === 'Obsolete' ? 0 : 1
}

async function report(line: string): Promise<void> {
  process.stdout.write(`${line}\n`)
  try {
    await writeFile(terminationLog, line)
  } catch (error) {
    process.stderr.write(`loader: ${terminationLog}: ${(error as Error).message}\n`)
  }
}
