import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestProject } from 'vitest/node'
import { type LabSettings, settingVariables } from '../../lab/config.ts'
import { operatorImage } from '../../lab/operatorImage.ts'
import { freePorts } from '../../lab/ports.ts'
import { prepull } from '../../lab/prepull.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { createProgress } from '../../lab/programs/progress.ts'
import { type LabState, readState } from '../../lab/state.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    lab: {
      /** Addresses and paths of the lab of the tier. */
      readonly state: LabState
      /** Reference of the operator's image in the lab's registry. */
      readonly workerImage: string
    }
  }
}

const root = join(import.meta.dirname, '../..')

/**
 * Starts the whole lab with its virtual machine in a temporary folder, on a network and ports of its own, and provides
 * `lab`. Independent of a lab that runs. With KMM_TEST_LAB=FOLDER it uses the lab that is up in that folder instead
 * and leaves it up, so that a test can be run again and again.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = process.env['KMM_TEST_LAB'] ?? ''
  const progress = createProgress()
  const over = new AbortController()
  const lab = folder === '' ? await startOwnLab() : existingLab(folder)
  try {
    const { dir, state } = lab
    const programs = ensurePrograms(['crane'])
    const workerImage = await operatorImage({ dir, state, programs }, { progress, signal: over.signal })
    project.provide('lab', { state, workerImage })
    // Loading modules needs it on the virtual machine; other tests can run meanwhile.
    const pulled = prepull(state, workerImage, over.signal).catch(() => undefined)
    return async () => {
      over.abort()
      await pulled
      await lab.close()
    }
  } catch (error) {
    over.abort()
    await lab.close()
    throw error
  } finally {
    progress.close()
  }
}

interface OpenLab {
  readonly dir: string
  readonly state: LabState
  readonly close: () => Promise<void>
}

function existingLab(folder: string): OpenLab {
  const state = readState(folder)
  if (state === null) throw new Error(`KMM_TEST_LAB=${folder}: no lab is up there`)
  return { dir: resolve(folder), state, close: async () => undefined }
}

/** The lab is a process of its own, which shows its progress and tidies up when it, or this one, is ended. */
async function startOwnLab(): Promise<OpenLab> {
  const dir = mkdtempSync(join(tmpdir(), 'kmm-test-nodes-'))
  const settings = await freeSettings()
  const variables = Object.entries(settings).map(([name, value]) => [
    settingVariables[name as keyof LabSettings],
    String(value),
  ])
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'TERM', process.execPath, join(root, 'lab/main.ts'), 'up', '--vm', '--dir', dir],
    { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...Object.fromEntries(variables) } },
  )
  const exited = once(child, 'exit')
  const close = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await exited
    rmSync(dir, { recursive: true, force: true })
  }
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the lab did not start; its logs are in ${join(dir, 'logs')}`)
    }
    const state = readState(dir)
    if (state !== null) return { dir, state, close }
    await sleep(200)
  }
}

/**
 * A network that no device of this machine is in, and ports nobody listens on. Where the search begins differs from
 * process to process, so that two labs that start at once do not choose the same.
 */
async function freeSettings(): Promise<LabSettings> {
  const taken = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const isFree = (prefix: string) => taken.every(({ address }) => !address.startsWith(prefix))
  const candidates = Array.from({ length: 9 }, (_, index) => 221 + ((process.pid + index) % 9))
  const second = candidates.find((number) => isFree(`10.${number}.`))
  if (second === undefined) throw new Error('all networks from 10.221.0.0/16 to 10.229.0.0/16 are in use')
  const [apiPort = 0, registryPort = 0, temporalPort = 0, uiPort = 0] = await freePorts(4)
  const network = `10.${second}.0.0/16`
  return { network, bridge: `kmm-t${second}`, apiPort, registryPort, temporalPort, uiPort }
}
