import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestProject } from 'vitest/node'
import { type LabSettings, settingVariables } from '../../lab/config.ts'
import { operatorImage } from '../../lab/operatorImage.ts'
import { operatorAccount } from '../../lab/operatorAccount.ts'
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

/** The lab of a tier, with the image of the operator. */
export interface TierLab extends OpenLab {
  readonly workerImage: string
}

/**
 * Opens the lab of a tier and provides `lab`: the one that is up in the folder KMM_TEST_LAB, which is left up, so that
 * a test can be run again and again; else one of the tier's own.
 */
export async function openTierLab(project: TestProject): Promise<TierLab> {
  const folder = process.env['KMM_TEST_LAB'] ?? ''
  const lab = await withOperatorImage(folder === '' ? await startOwnLab() : existingLab(folder))
  const { state, workerImage } = lab
  project.provide('lab', { state, workerImage })
  return lab
}

/** Puts the operator's image into a lab, and begins to pull it to the virtual machine, where that takes long. */
export async function withOperatorImage(lab: OpenLab): Promise<TierLab> {
  const progress = createProgress()
  const over = new AbortController()
  try {
    const { dir, state } = lab
    const programs = ensurePrograms(['crane'])
    const workerImage = await operatorImage({ dir, state, programs }, { progress, signal: over.signal })
    const pulled = prepull(state, workerImage, over.signal).catch(() => undefined)
    const close = async () => {
      over.abort()
      await pulled
      await lab.close()
    }
    return { dir, state, workerImage, close }
  } catch (error) {
    over.abort()
    await lab.close()
    throw error
  } finally {
    progress.close()
  }
}

/** A lab that is up. */
export interface OpenLab {
  readonly dir: string
  readonly state: LabState
  /** Ends it, when it was started here. */
  readonly close: () => Promise<void>
}

function existingLab(folder: string): OpenLab {
  const state = readState(folder)
  if (state === null) throw new Error(`KMM_TEST_LAB=${folder}: no lab is up there`)
  return { dir: resolve(folder), state, close: async () => undefined }
}

/**
 * Starts the whole lab with its virtual machine in a temporary folder, on a network and ports of its own, independent
 * of a lab that runs. It is a process of its own, which shows its progress and tidies up when it, or this one, is
 * ended. Throws when it does not come up.
 */
export async function startOwnLab(): Promise<OpenLab> {
  const dir = mkdtempSync(join(tmpdir(), 'kmm-test-nodes-'))
  const settings = await freeSettings()
  const variables = Object.entries(settings).map(([name, value]) => [
    settingVariables[name as keyof LabSettings],
    String(value),
  ])
  const up = ['up', '--vm', '--dir', dir, '--audit-user', operatorAccount]
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'TERM', process.execPath, join(root, 'lab/main.ts'), ...up],
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
