import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { cleanUp } from './cleanUp.ts'
import { openLedger } from './ledger.ts'
import { identify } from './procfs.ts'
import { createSupervisor, type ProcessSpec, type ProgramError, type Supervisor } from './supervisor.ts'

let dir: string
let supervisor: Supervisor
const deaths: ProgramError[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kmm-supervisor-'))
  deaths.length = 0
  supervisor = createSupervisor({ dir, onDeath: (error) => deaths.push(error) })
})
afterEach(async () => {
  await supervisor.stop()
  rmSync(dir, { recursive: true, force: true })
})

/** A shell script that is ready when it has made the file `ready`. */
const script = (text: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
  name: 'program',
  command: ['sh', '-c', text, 'sh', join(dir, 'ready')],
  ready: {
    probe: async () => {
      if (!existsSync(join(dir, 'ready'))) throw new Error('the file ready is missing')
    },
    timeoutMs: 60_000,
  },
  fix: 'mend the script',
  ...more,
})
const runs = (pid: number) => identify(pid) !== null
const recorded = () => openLedger(dir).entries().length

describe('a program that starts', () => {
  test('is ready when its probe says so, and is gone with its children after stop', async () => {
    const started = await supervisor.start(script('sleep 3600 & echo $! >"$1.child"; touch "$1"; wait'))
    const child = Number(readFileSync(join(dir, 'ready.child'), 'utf8'))
    expect([runs(started.pid), runs(child), recorded()]).toEqual([true, true, 1])
    await started.stop()
    expect([runs(started.pid), runs(child), recorded()]).toEqual([false, false, 0])
    expect(deaths).toEqual([])
  })

  test('is killed when it does not heed the signal', async () => {
    const stubborn = script('trap "" TERM; touch "$1"; while :; do sleep 0.05; done', {
      stop: { timeoutMs: 200 },
    })
    const started = await supervisor.start(stubborn)
    await started.stop()
    expect(runs(started.pid)).toBe(false)
  })

  test('is another process after a restart, and keeps the log before it', async () => {
    const started = await supervisor.start(script('echo life of $$; touch "$1"; exec sleep 3600'))
    const before = started.pid
    await started.restart()
    expect(started.pid).not.toBe(before)
    const life = `life of ${started.pid}\n`
    await vi.waitFor(() => expect(readFileSync(started.logFile, 'utf8')).toBe(life), 60_000)
    expect(readFileSync(`${started.logFile}.1`, 'utf8')).toBe(`life of ${before}\n`)
    expect(deaths).toEqual([])
  })
})

describe('a program that fails', () => {
  test('at its start: the error has its name, exit code, last lines and the fix', async () => {
    const error = await supervisor.start(script('echo one; echo two >&2; exit 3')).catch((e: unknown) => e)
    expect(error).toMatchObject({ name: 'ProgramError', program: 'program' })
    expect((error as Error).message).toMatch(
      /^program ended with exit code 3, .*\n.*program\.log:\n {2}one\n {2}two\nFix: mend the script$/,
    )
    expect(recorded()).toBe(0)
  })

  test('because there is none: the error says so', async () => {
    const missing = { ...script(''), command: ['/no/such/program'] as const }
    await expect(supervisor.start(missing)).rejects.toThrow(/\/no\/such\/program: No such file/)
  })

  test('by never being ready: it is ended, and the error has what the probe saw last', async () => {
    let pid = 0
    const probe = async () => {
      const [entry] = openLedger(dir).entries()
      if (entry?.kind === 'process') pid = entry.pid
      throw new Error(`it is not ready, and ${runs(pid) ? 'runs' : 'is gone'}`)
    }
    const late = script('exec sleep 3600', { ready: { probe, timeoutMs: 400 } })
    await expect(supervisor.start(late)).rejects.toThrow(
      /^program was not ready after .*: it is not ready, and runs\./,
    )
    expect(runs(pid)).toBe(false)
  })

  test('later: its death is told once', async () => {
    const started = await supervisor.start(script('echo working; touch "$1"; exec sleep 3600'))
    process.kill(started.pid, 'SIGKILL')
    await vi.waitFor(() => expect(deaths).toHaveLength(1), 60_000)
    expect(deaths[0]?.message).toMatch(
      /^program was ended by SIGKILL, .*\n.*\n {2}working\nFix: mend the script$/,
    )
    expect(recorded()).toBe(0)
    await started.stop()
    expect(deaths).toHaveLength(1)
  })
})

describe('the end of a supervisor', () => {
  test('ends the last started first, and starts nothing more', async () => {
    const order = (name: string) =>
      script(
        `trap 'echo ${name} >>"$1.order"; exit' TERM; touch "$1-${name}"; while :; do sleep 0.05; done`,
        {
          name,
          ready: {
            probe: async () => {
              if (!existsSync(join(dir, `ready-${name}`))) throw new Error('not yet')
            },
            timeoutMs: 60_000,
          },
        },
      )
    await supervisor.start(order('first'))
    await supervisor.start(order('second'))
    await supervisor.stop()
    expect(readFileSync(join(dir, 'ready.order'), 'utf8')).toBe('second\nfirst\n')
    await expect(supervisor.start(order('third'))).rejects.toThrow('third is not started')
  })

  test('makes a program that is still starting fail', async () => {
    const starting = supervisor.start(script('exec sleep 3600'))
    const failed = expect(starting).rejects.toThrow('was stopped while it started')
    await supervisor.stop()
    await failed
  })

  test('by kill -9 takes its programs with it', async () => {
    const fixture = join(import.meta.dirname, 'supervisor.fixture.ts')
    const parent = spawn(process.execPath, [fixture, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    const pid = await new Promise<number>((resolve) => {
      parent.stdout.once('data', (text: Buffer) => resolve(Number(text.toString())))
    })
    expect(runs(pid)).toBe(true)
    parent.kill('SIGKILL')
    await vi.waitFor(() => expect(runs(pid)).toBe(false), 60_000)
    // The ledger still has it: the next start looks, finds nobody, and forgets it.
    expect(recorded()).toBe(1)
    expect(await cleanUp(dir)).toEqual([])
    expect(recorded()).toBe(0)
  })
})

describe('clean-up after a killed lab', () => {
  test('ends a process that is left', async () => {
    const left = spawn('sleep', ['3600'], { detached: true, stdio: 'ignore' })
    const identity = identify(left.pid ?? 0)
    if (identity === null) throw new Error('sleep did not start')
    openLedger(dir).record({ kind: 'process', name: 'left', ...identity })
    expect(await cleanUp(dir)).toEqual(['process left'])
    expect(runs(identity.pid)).toBe(false)
  })

  test('spares another process that got its number', async () => {
    const other = spawn('sleep', ['3600'], { detached: true, stdio: 'ignore' })
    const identity = identify(other.pid ?? 0)
    if (identity === null) throw new Error('sleep did not start')
    const ledger = openLedger(dir)
    ledger.record({ kind: 'process', name: 'earlier', ...identity, startTicks: identity.startTicks - 1 })
    ledger.record({ kind: 'process', name: 'before the reboot', ...identity, bootId: 'another' })
    expect(await cleanUp(dir)).toEqual([])
    expect(runs(identity.pid)).toBe(true)
    other.kill('SIGKILL')
  })

  test('survives a ledger file that was being written', async () => {
    const ledger = openLedger(dir)
    ledger.record({ kind: 'device', name: 'kmm-none' })
    writeFileSync(join(dir, 'run', '2-device-kmm-half.json.new'), '{"kind":')
    expect(openLedger(dir).entries()).toEqual([{ kind: 'device', name: 'kmm-none' }])
    expect(await cleanUp(dir)).toEqual([])
  })
})
