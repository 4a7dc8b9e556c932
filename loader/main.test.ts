import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loaderResultSchema } from '../api/loaderResult.ts'
import type { WorkerCommand } from '../api/workerCommand.ts'

const main = join(import.meta.dirname, 'main.ts')
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kmm-loader-main-'))
  const tree = join(folder, 'image/lib/modules', release())
  await mkdir(tree, { recursive: true })
  await writeFile(join(tree, 'modules.dep.bin'), '')
  await program('modinfo', 'exit 1')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function program(name: string, script: string): Promise<void> {
  await mkdir(join(folder, 'bin'), { recursive: true })
  await writeFile(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`)
  await chmod(join(folder, 'bin', name), 0o755)
}

/** Starts the program as the worker pod does, with a command for this very machine. */
async function start(changes: Partial<WorkerCommand> = {}) {
  const command = {
    action: 'Load',
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
    kernel: release(),
    config: {
      kernelVersion: release(),
      containerImage: 'registry.example/m:1',
      modprobe: { moduleName: 'm', dirName: join(folder, 'image') },
    },
    ...changes,
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify(command))
  const child = spawn(process.execPath, [main, join(folder, 'config.json')], {
    env: {
      PATH: `${join(folder, 'bin')}:/usr/bin:/bin`,
      KMM_TERMINATION_LOG: join(folder, 'termination-log'),
    },
  })
  const out = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (out.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (out.stderr += chunk.toString()))
  const ended = once(child, 'close') as Promise<[number | null]>
  return { child, out, ended }
}

const terminationLog = (): Promise<string> => readFile(join(folder, 'termination-log'), 'utf8')

describe('loader', () => {
  it('ends with 0 and says Obsolete when the command is for another boot', async () => {
    const { ended, out } = await start({ bootId: 'another' })
    expect((await ended)[0]).toBe(0)
    const text = await terminationLog()
    expect(loaderResultSchema.parse(JSON.parse(text))).toMatchObject({
      reason: 'Obsolete',
      kernel: release(),
    })
    expect(out.stdout).toBe(`${text}\n`)
  })

  it('ends with 1 and the reason when modprobe fails, whose output goes to stderr', async () => {
    await program(
      'modprobe',
      `echo "modprobe: ERROR: could not insert 'm': Required key not available" >&2; exit 1`,
    )
    const { ended, out } = await start()
    expect((await ended)[0]).toBe(1)
    const result = loaderResultSchema.parse(JSON.parse(await terminationLog()))
    expect(result).toMatchObject({ reason: 'KeyRejected', exitStatus: 1 })
    expect(out.stderr).toContain('Required key not available')
    expect(out.stdout.trim().split('\n')).toHaveLength(1)
  })

  it('gives programs a clean environment', async () => {
    await program('modprobe', 'env >&2; exit 1')
    const { ended, out } = await start()
    await ended
    expect(out.stderr).toContain('LC_ALL=C')
    expect(out.stderr).not.toContain('KMM_TERMINATION_LOG')
  })

  it('names the field of a command that is not valid', async () => {
    const { ended } = await start({ kernel: '../../etc' })
    expect((await ended)[0]).toBe(1)
    expect(await terminationLog()).toMatch(/config\.json: kernel: must be a kernel release/)
  })

  it('ends modprobe on SIGTERM and says so', async () => {
    await program('modprobe', 'echo started; exec sleep 600')
    const { child, ended } = await start()
    await new Promise<void>((resolve) => {
      child.stderr.on('data', (chunk: Buffer) => {
        if (chunk.includes('started')) resolve()
      })
    })
    child.kill('SIGTERM')
    // `close` comes only when modprobe, which holds the pipes, is gone as well.
    expect((await ended)[0]).toBe(1)
    const result = loaderResultSchema.parse(JSON.parse(await terminationLog()))
    expect(result).toMatchObject({ reason: 'ModprobeFailed', exitStatus: 143 })
    expect(result.message).toMatch(/^ended by SIGTERM/)
  })

  it('imports no package, because each costs seconds on an emulated node', () => {
    const hook = `import { registerHooks } from 'node:module'
      registerHooks({ load: (url, context, next) => (console.log(url), next(url, context)) })`
    const { stdout } = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, main, join(folder, 'none')],
      { encoding: 'utf8', env: { KMM_TERMINATION_LOG: join(folder, 'termination-log') } },
    )
    expect(stdout).toContain('/loader/main.ts')
    expect(stdout).not.toContain('node_modules')
  })
})
