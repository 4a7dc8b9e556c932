import { spawn } from 'node:child_process'
import { release } from 'node:os'
import { join } from 'node:path'

/** What came of a program: exit status (128 + n for signal n, 127 when it could not be started) and its text. */
export interface Outcome {
  readonly status: number
  readonly stdout: string
  /** Last lines of stdout and stderr in the order they came. */
  readonly output: string
}

/** The machine the loader runs on. Tests put a folder of their own under `path` and small programs on PATH. */
export interface Host {
  /** The running kernel's release, as `uname -r` prints it. */
  readonly kernel: string
  /** Where an absolute path of the machine is to be found. */
  path(absolute: string): string
  /** Runs argv without a shell. Never rejects: what cannot be started is an outcome too. */
  run(argv: readonly string[]): Promise<Outcome>
}

/** What of the surroundings can be replaced; all fields have the real machine as default. */
export interface HostOptions {
  readonly root?: string
  readonly kernel?: string
  readonly searchPath?: string
  /** Its abort ends the running program with SIGTERM. */
  readonly signal?: AbortSignal
  /** Called for every line a program prints. */
  readonly onLine?: (line: string) => void
}

const outputLimit = 64 * 1024
const outputLines = 40

/** The machine itself, or a part of the file system that stands for it. */
export function openHost(options: HostOptions = {}): Host {
  const { root = '/', kernel = release(), searchPath = process.env['PATH'] ?? '' } = options
  return {
    kernel,
    path: (absolute) => join(root, absolute),
    run: (argv) => run(argv, searchPath, options),
  }
}

/**
 * The environment holds nothing but PATH and the C locale: modprobe's texts are classified, and MODPROBE_OPTIONS
 * must not come in from outside.
 */
function run(argv: readonly string[], searchPath: string, options: HostOptions): Promise<Outcome> {
  const { signal, onLine } = options
  const [program = '', ...args] = argv
  return new Promise((resolve) => {
    let stdout = ''
    let text = ''
    const child = spawn(program, args, {
      env: { PATH: searchPath, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(signal === undefined ? {} : { signal, killSignal: 'SIGTERM' as const }),
    })
    const take = (chunk: string): void => {
      text = (text + chunk).slice(-outputLimit)
      if (onLine) for (const line of chunk.split('\n')) if (line !== '') onLine(line)
    }
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout = (stdout + chunk).slice(0, outputLimit)
      take(chunk)
    })
    child.stderr.setEncoding('utf8').on('data', take)
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ status: 127, stdout, output: `${program}: ${error.message}` })
    })
    child.on('close', (code, name) => {
      const output = text.trimEnd().split('\n').slice(-outputLines).join('\n')
      resolve({ status: code ?? 128 + signalNumber(name), stdout, output })
    })
  })
}

const signalNumber = (name: NodeJS.Signals | null): number => (name === 'SIGTERM' ? 15 : 9)
