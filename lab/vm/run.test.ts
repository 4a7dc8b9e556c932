import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { setPower } from './vm.ts'

/** Stands for QEMU: notes that it runs, and ends as soon as there is a file `end`. */
const fakeQemu = 'echo run >>"$1/runs"; until rm "$1/end" 2>/dev/null; do sleep 0.01; done'

describe('run.sh', () => {
  let dir: string
  let power: string
  let ended: Promise<number | null>
  let kill: () => void
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'kmm-run-'))
    power = join(dir, 'power')
    writeFileSync(join(dir, 'runs'), '')
  })
  afterEach(async () => {
    kill()
    await ended
    rmSync(dir, { recursive: true })
  })

  const start = () => {
    const script = join(import.meta.dirname, 'run.sh')
    const child = spawn('sh', [script, power, 'sh', '-c', fakeQemu, 'qemu', dir], {
      detached: true,
      stdio: 'ignore',
    })
    ended = new Promise((resolve) => child.once('exit', resolve))
    kill = () => {
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    }
  }
  const runs = async (count: number) => {
    const seen = () => readFileSync(join(dir, 'runs'), 'utf8').split('\n').length - 1
    await vi.waitFor(() => expect(seen()).toBe(count), { timeout: 60_000 })
  }
  const endQemu = () => writeFileSync(join(dir, 'end'), '')
  const word = () => readFileSync(power, 'utf8').trim()

  it('ends when QEMU ends without being asked', async () => {
    setPower(power, 'on')
    start()
    await runs(1)
    endQemu()
    expect(await ended).toBe(1)
  })

  it('starts QEMU again for a restart, and then only when asked again', async () => {
    setPower(power, 'on')
    start()
    await runs(1)
    setPower(power, 'restart')
    endQemu()
    await runs(2)
    expect(word()).toBe('on')
    endQemu()
    expect(await ended).toBe(1)
  })

  it('waits while the machine is off', async () => {
    setPower(power, 'on')
    start()
    await runs(1)
    setPower(power, 'off')
    endQemu()
    await vi.waitFor(() => expect(() => readFileSync(join(dir, 'end'))).toThrow(/ENOENT/), 60_000)
    await runs(1)
    setPower(power, 'restart')
    await runs(2)
    expect(word()).toBe('on')
  })

  it('lets a guest restart by itself, so often', async () => {
    setPower(power, 'on')
    start()
    await runs(1)
    setPower(power, 1)
    endQemu()
    await runs(2)
    expect(word()).toBe('0')
    endQemu()
    expect(await ended).toBe(1)
  })
})
