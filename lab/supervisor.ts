import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLedger } from './ledger.ts'
import { logTail } from './logTail.ts'
import { groupIsAlive, identify } from './procfs.ts'

/** Resolves when the program serves, throws (with what was seen) while it does not. */
export type Probe = (signal: AbortSignal) => Promise<void>

/** One program to run and keep an eye on. */
export interface ProcessSpec {
  /** Name in errors and of the log file; unique within a supervisor. */
  readonly name: string
  /** Program and arguments; never a shell string. */
  readonly command: readonly [string, ...string[]]
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly ready: { readonly probe: Probe; readonly timeoutMs: number }
  /** What a person can do when it dies; ends the error. */
  readonly fix: string
  /** How it is asked to end; after the timeout it is killed. Default SIGTERM, 10 s. */
  readonly stop?: { readonly signal?: NodeJS.Signals; readonly timeoutMs?: number }
}

/** A supervised program that was ready at least once. */
export interface ManagedProcess {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  /** Ends it (and its process group) as its `stop` says. */
  stop(): Promise<void>
  /** Stops it and starts it again; resolves when it is ready. */
  restart(): Promise<void>
}

/** A program did not start, or ended without being asked. The message says all a person needs. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError'
  readonly program: string
  readonly logFile: string

  constructor(program: string, what: string, logFile: string, fix: string) {
    const tail = logTail(logFile, 15)
    const log = tail.length === 0 ? ['  (nothing)'] : tail.map((line) => `  ${line}`)
    super([`${program} ${what}`, `Last lines of ${logFile}:`, ...log, `Fix: ${fix}`].join('\n'))
    this.program = program
    this.logFile = logFile
  }
}

/** Starts programs, watches them, and ends them all. */
export interface Supervisor {
  /** Folder with `logs/` and `run/` (the ledger). */
  readonly dir: string
  /** Starts a program and resolves when it is ready; throws a ProgramError, with nothing left running. */
  start(spec: ProcessSpec): Promise<ManagedProcess>
  /** Ends every program, the last started first, for good. Programs still starting fail, later starts too. */
  stop(): Promise<void>
}

interface Running {
  readonly pid: number
  /** Settles with how it ended. */
  readonly exited: Promise<string>
}

/**
 * A supervisor that keeps its logs and its ledger below `dir`. `onDeath` hears of a program that ended without
 * being asked after it was ready. Programs are their own process groups, so a Ctrl-C in the terminal reaches only
 * the supervisor, and the kernel kills them when the supervisor's process dies, however it dies.
 */
export function createSupervisor(options: {
  readonly dir: string
  readonly onDeath: (error: ProgramError) => void
}): Supervisor {
  const { dir, onDeath } = options
  const ledger = openLedger(dir)
  const logs = join(dir, 'logs')
  mkdirSync(logs, { recursive: true })
  const stops: (() => Promise<void>)[] = []
  let closing: Promise<void> | undefined

  const launch = (spec: ProcessSpec, logFile: string): Running => {
    if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`)
    const log = openSync(logFile, 'a')
    try {
      const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...spec.command], {
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...process.env, ...spec.env },
      })
      const exited = new Promise<string>((resolve) => {
        child.once('error', (error) => resolve(`could not be started: ${error.message}`))
        child.once('exit', (code, signal) =>
          resolve(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
        )
      })
      const identity = child.pid === undefined ? null : identify(child.pid)
      if (identity !== null) ledger.record({ kind: 'process', name: spec.name, ...identity })
      return { pid: child.pid ?? 0, exited }
    } finally {
      closeSync(log)
    }
  }

  const end = async (spec: ProcessSpec, running: Running): Promise<void> => {
    signalGroup(running.pid, spec.stop?.signal ?? 'SIGTERM')
    const deadline = performance.now() + (spec.stop?.timeoutMs ?? 10_000)
    while (groupIsAlive(running.pid) && performance.now() < deadline) await sleep(25)
    signalGroup(running.pid, 'SIGKILL')
    await running.exited
    ledger.forget({ kind: 'process', name: spec.name })
  }

  return {
    dir,
    async start(spec) {
      const logFile = join(logs, `${spec.name}.log`)
      const fail = (what: string) => new ProgramError(spec.name, what, logFile, spec.fix)
      let current: { readonly running: Running; asked: boolean; gone: boolean } | undefined

      const up = async () => {
        if (closing !== undefined) throw new Error(`${spec.name} is not started: the lab is stopping`)
        const since = performance.now()
        const life = { running: launch(spec, logFile), asked: false, gone: false }
        current = life
        const { running } = life
        const outcome = await waitReady(spec, running.exited)
        if (life.asked) throw fail('was stopped while it started.')
        switch (outcome.kind) {
          case 'ready':
            void running.exited.then((how) => {
              if (life.asked) return
              // Its number may soon be another's: what is left of its group goes now, and is not signalled again.
              signalGroup(running.pid, 'SIGKILL')
              life.gone = true
              ledger.forget({ kind: 'process', name: spec.name })
              onDeath(fail(`${how}, ${seconds(since)} after its start.`))
            })
            return
          case 'exited':
            await down()
            throw fail(`${outcome.how}, ${seconds(since)} after its start.`)
          case 'late':
            await down()
            throw fail(`was not ready after ${seconds(since)}: ${outcome.last}.`)
        }
      }
      const down = async () => {
        if (current === undefined || current.gone) return
        current.asked = true
        await end(spec, current.running)
        current.gone = true
      }
      stops.push(down)
      await up()
      return {
        name: spec.name,
        get pid() {
          return current?.running.pid ?? 0
        },
        logFile,
        stop: down,
        async restart() {
          await down()
          await up()
        },
      }
    },
    async stop() {
      closing ??= (async () => {
        for (const stop of stops.toReversed()) await stop()
      })()
      await closing
    },
  }
}

type Readiness = { kind: 'ready' } | { kind: 'exited'; how: string } | { kind: 'late'; last: string }

async function waitReady(spec: ProcessSpec, exited: Promise<string>): Promise<Readiness> {
  const over = new AbortController()
  const deadline = performance.now() + spec.ready.timeoutMs
  const probing = async (): Promise<Readiness> => {
    let last = 'no answer'
    while (performance.now() < deadline && !over.signal.aborted) {
      const patience = Math.ceil(Math.max(1, Math.min(2_000, deadline - performance.now())))
      try {
        await spec.ready.probe(AbortSignal.any([over.signal, AbortSignal.timeout(patience)]))
        return { kind: 'ready' }
      } catch (error) {
        last = error instanceof Error ? error.message : String(error)
      }
      await sleep(100)
    }
    return { kind: 'late', last }
  }
  const gone = exited.then((how): Readiness => ({ kind: 'exited', how }))
  try {
    return await Promise.race([gone, probing()])
  } finally {
    over.abort()
  }
}

/** Sends a signal to a process group, if anybody is left in it. */
function signalGroup(group: number, signal: NodeJS.Signals): void {
  if (group === 0) return
  try {
    process.kill(-group, signal)
  } catch {
    // Nobody is.
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
