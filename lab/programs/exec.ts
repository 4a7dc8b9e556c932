import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** How a command is run; `detached` commands are left to finish when the caller is interrupted. */
export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  readonly detached?: boolean
  /** Sent on abort and timeout. Default: SIGTERM. */
  readonly killSignal?: NodeJS.Signals
  /** Called for every line of stdout and stderr. */
  readonly onLine?: (line: string) => void
  /** What it reads from stdin; nothing by default. */
  readonly input?: string
}

/** What came of a command: exit code (-1: killed or not started), whole stdout, and the last lines of both streams. */
export interface RunResult {
  readonly code: number
  readonly stdout: string
  readonly tail: readonly string[]
}

const tailLines = 12

const setpriv = '/usr/bin/setpriv'

/** A long command that ends with this process, also after kill -9 (where util-linux' setpriv is installed). */
export const endingWithUs = (argv: readonly [string, ...string[]]): readonly [string, ...string[]] =>
  existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--', ...argv] : argv

/**
 * Runs argv without a shell and resolves with the outcome; a command that cannot be started is code -1 with the
 * reason in `tail`. An abort or the timeout ends it with `killSignal`.
 */
export const run = (argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> =>
  new Promise((resolve) => {
    const [command, ...args] = argv
    const tail: string[] = []
    const stdout: string[] = []
    const keep = (line: string): void => {
      tail.push(line)
      if (tail.length > tailLines) tail.shift()
      options.onLine?.(line)
    }
    const child = spawn(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
      env: options.env ?? process.env,
      detached: options.detached ?? false,
      killSignal: options.killSignal ?? 'SIGTERM',
      stdio: 'pipe',
    })
    // A command need not read it.
    child.stdin.on('error', () => undefined).end(options.input)
    createInterface({ input: child.stdout }).on('line', (line) => {
      stdout.push(line)
      keep(line)
    })
    createInterface({ input: child.stderr }).on('line', keep)
    let failure: Error | undefined
    child.on('error', (error) => {
      failure = error
      if (child.pid === undefined) resolve({ code: -1, stdout: '', tail: [error.message] })
    })
    child.on('close', (code) => {
      if (failure !== undefined) tail.push(failure.message)
      resolve({ code: code ?? -1, stdout: stdout.join('\n'), tail })
    })
  })

/** A command that had to succeed and did not: its command line, exit code and last lines. */
export class CommandFailed extends Error {
  constructor(argv: readonly string[], result: RunResult) {
    const end = result.code === -1 ? 'was not run to its end' : `ended with exit code ${String(result.code)}`
    super([`${argv.join(' ')} ${end}`, ...result.tail.map((line) => `    | ${line}`)].join('\n'))
    this.name = 'CommandFailed'
  }
}

/** Like `run`, but rejects with CommandFailed unless the exit code is 0; resolves with stdout. */
export const runOrThrow = async (
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<string> => {
  const result = await run(argv, options)
  options.signal?.throwIfAborted()
  if (result.code !== 0) throw new CommandFailed(argv, result)
  return result.stdout
}
