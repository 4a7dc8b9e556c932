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
  /**
   * Does `work` while no other loader on the node works in `folder` (a path that `path` gave). The kernel gives the
   * lock back when this process dies, however it dies. Rejects when another one keeps it for minutes.
   */
  locked<T>(folder: string, work: () => Promise<T>): Promise<T>
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
    locked: (folder, work) => locked(folder, searchPath, work),
  }
}

const lockPatienceSeconds = 120

/** Node has no flock: the program of that name holds the lock for a `cat`, which ends when its input does. */
async function locked<T>(folder: string, searchPath: string, work: () => Promise<T>): Promise<T> {
  const argv = ['--exclusive', '--timeout', String(lockPatienceSeconds), folder, 'cat']
  const child = spawn('flock', argv, { env: { PATH: searchPath }, stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<Error>((resolve) => {
    child.on('error', (error) => resolve(new Error(`flock: ${error.message}`)))
    child.on('close', (code) =>
      resolve(new Error(`${folder} cannot be locked: flock ended with status ${String(code)}`)),
    )
  })
  // Writing to a program that has ended is no news: `ended` says so.
  child.stdin.on('error', () => undefined)
  const held = new Promise<undefined>((resolve) => child.stdout.once('data', () => resolve(undefined)))
  // What `cat` gives back shows that it runs, and so that the lock is held.
  child.stdin.write('.')
  const failure = await Promise.race([held, ended])
  if (failure !== undefined) throw failure
  try {
    return await work()
  } finally {
    child.stdin.end()
    await ended
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

/** For `catch`: a path that does not exist is no error. */
export function unlessAbsent(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
  throw error
}
