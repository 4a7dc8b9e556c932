import { loadCommand, unloadCommand } from '../api/loadCommand.ts'
import type { LoaderResult } from '../api/loaderResult.ts'
import type { WorkerCommand } from '../api/workerCommand.ts'
import { bootIdOf, checkNode, checkTree, checkVermagic } from './checks.ts'
import { classify } from './classify.ts'
import { Stop } from './finding.ts'
import { checkFirmware, installFirmware, leaveFirmware } from './firmware/firmware.ts'
import type { Host, Outcome } from './host.ts'
import { inTreeToRemove } from './inTree.ts'
import {
  holdersOf,
  isDistributions,
  isOurs,
  kernelName,
  loadedModules,
  loadedSrcversion,
  moduleFile,
  wantedModules,
} from './kernelModules.ts'
import { checkModprobeConfig } from './modprobeConfig.ts'

/** What the steps of a run leave behind for the result, also when one of them stops it. */
interface Trace {
  command: readonly string[]
  outcome?: Outcome
  lsmod?: string
  srcversion?: string
  firmwareHostPath?: string
  readonly notes: string[]
}

/**
 * Runs one command on this node and says what came of it; never rejects. `command`, `exitStatus` and `output` of the
 * result are those of the last program that decided; when none ran, `exitStatus` is 1 for a failure and else 0.
 */
export async function runCommand(host: Host, command: WorkerCommand): Promise<LoaderResult> {
  const trace: Trace = { command: [], notes: [] }
  const bootId = await bootIdOf(host).catch(() => '')
  const stop = await perform(host, command, bootId, trace).then(
    () => undefined,
    (error: unknown) =>
      error instanceof Stop ? error : new Stop('ModprobeFailed', (error as Error).message),
  )
  const failed = stop !== undefined && stop.reason !== 'Obsolete'
  const message = [...(stop === undefined ? [] : [stop.message]), ...trace.notes].join('; ')
  return {
    action: command.action,
    bootId,
    kernel: host.kernel,
    command: [...trace.command],
    exitStatus: trace.outcome?.status ?? (failed ? 1 : 0),
    output: trace.outcome?.output ?? '',
    ...(trace.lsmod === undefined ? {} : { lsmod: trace.lsmod }),
    ...(trace.srcversion === undefined ? {} : { srcversion: trace.srcversion }),
    ...(trace.firmwareHostPath === undefined ? {} : { firmwareHostPath: trace.firmwareHostPath }),
    ...(stop === undefined ? {} : { reason: stop.reason }),
    ...(message === '' ? {} : { message }),
  }
}

async function perform(host: Host, command: WorkerCommand, bootId: string, trace: Trace): Promise<void> {
  checkNode(command, bootId, host.kernel)
  if (command.action === 'Load') await load(host, command, trace)
  else await unload(host, command, trace)
}

/**
 * In-tree modules go, firmware comes, then modprobe (nodes:WRK-3 to WRK-6). Nothing is touched before all checks. A
 * load that fails takes away what it has brought: nothing is written down of it that an unload could go by.
 */
async function load(host: Host, command: WorkerCommand, trace: Trace): Promise<void> {
  await checkTree(host, command)
  await checkModprobeConfig(host, command)
  await checkVermagic(host, command)
  await checkFirmware(host, command)
  await removeInTree(host, command, trace)
  await leave(host, command, command.firmware?.leave, trace)
  const installed = await installFirmware(host, command)
  const before = await loadedModules(host)
  try {
    await modprobe(host, loadCommand(command.config.modprobe), trace)
    await verifyLoaded(host, command, trace)
  } catch (error) {
    await removeNew(host, command, before, trace)
    await leave(host, command, installed, trace)
    throw error
  }
  if (installed !== undefined) trace.firmwareHostPath = installed
}

/**
 * The module goes, then its firmware, of which a failure is only noted (nodes:WRK-8). What was loaded in another kernel
 * went with that.
 */
async function unload(host: Host, command: WorkerCommand, trace: Trace): Promise<void> {
  const { kernelVersion } = command.config
  if (kernelVersion === command.kernel) await removeModule(host, command, trace)
  else trace.notes.push(`it was loaded in kernel ${kernelVersion}, not in this one`)
  await leave(host, command, command.firmware?.leave, trace)
}

/** A module that is not in the kernel needs no modprobe and no tree, unless the user's own arguments do more. */
async function removeModule(host: Host, command: WorkerCommand, trace: Trace): Promise<void> {
  const { moduleName, rawArgs } = command.config.modprobe
  const names = wantedModules(command).map(kernelName)
  const before = await loadedModules(host)
  if (rawArgs === undefined && !names.some((name) => before.has(name))) {
    trace.notes.push(`${names.join(', ')}: not loaded`)
    return
  }
  await checkTree(host, command)
  await checkModprobeConfig(host, command)
  const loaded = before.get(kernelName(moduleName ?? ''))
  const file = loaded && (await moduleFile(host, command, loaded.name))
  if (rawArgs === undefined && loaded && file && isDistributions(loaded, file)) {
    trace.notes.push(`the ${loaded.name} that is loaded is the distribution's, not the image's: left alone`)
    return
  }
  await modprobe(host, unloadCommand(command.config.modprobe), trace)
  const left = (await loadedModules(host)).get(kernelName(moduleName ?? ''))
  if (left !== undefined) {
    trace.lsmod = left.line
    throw new Stop('ModprobeFailed', `modprobe ended well, but ${left.name} is still in /proc/modules`)
  }
}

/** Of a loading order, modprobe leaves those loaded that came before the one that failed. */
async function removeNew(
  host: Host,
  command: WorkerCommand,
  before: ReadonlyMap<string, unknown>,
  trace: Trace,
): Promise<void> {
  const now = await loadedModules(host)
  const added = wantedModules(command)
    .map(kernelName)
    .filter((name) => now.has(name) && !before.has(name))
  if (added.length === 0) return
  const { dirName } = command.config.modprobe
  const { status } = await host.run(['modprobe', '-rd', dirName || '/', ...added])
  trace.notes.push(
    `${added.join(', ')}: ${status === 0 ? 'unloaded again' : 'loaded and cannot be unloaded'}`,
  )
}

async function leave(
  host: Host,
  { firmware }: WorkerCommand,
  hostPath: string | undefined,
  trace: Trace,
): Promise<void> {
  if (firmware === undefined || hostPath === undefined) return
  try {
    const changed = await leaveFirmware(host, firmware.owner, hostPath)
    if (changed.length > 0)
      trace.notes.push(`firmware changed by somebody since, left in ${hostPath}: ${changed.join(', ')}`)
  } catch (error) {
    trace.notes.push(`firmware not removed from ${hostPath}: ${(error as Error).message}`)
  }
}

async function removeInTree(host: Host, command: WorkerCommand, trace: Trace): Promise<void> {
  const names = await inTreeToRemove(host, command)
  if (names.length === 0) return
  try {
    // Where the node's tree stands, whatever a Module's dirName puts over /lib/modules.
    await modprobe(host, ['modprobe', '-rvd', '/host', ...names], trace)
  } catch (error) {
    const inUse = error instanceof Stop && error.reason === 'InUse'
    throw new Stop(
      inUse ? 'InUse' : 'InTreeModuleNotRemoved',
      `of inTreeModulesToRemove: ${(error as Error).message}`,
    )
  }
}

/** @throws Stop with what `classify` makes of modprobe's text */
async function modprobe(host: Host, argv: readonly string[], trace: Trace): Promise<void> {
  trace.command = argv
  const outcome = await host.run(argv)
  trace.outcome = outcome
  if (outcome.status === 0) return
  const failure = classify(outcome.status, outcome.output)
  const hint = failure.hint === undefined ? '' : `: ${failure.hint}`
  throw new Stop(failure.reason, `${failure.line}${await inUseNote(host, failure)}${hint}`)
}

async function inUseNote(host: Host, failure: ReturnType<typeof classify>): Promise<string> {
  if (failure.reason !== 'InUse' || failure.module === undefined) return ''
  const { refcnt, holders } = await holdersOf(host, failure.module)
  return ` (reference count ${refcnt}${holders.length === 0 ? '' : `, held by ${holders.join(', ')}`})`
}

/** modprobe says success for a dry run, an `install` line and a built-in module too; the kernel's list decides. */
async function verifyLoaded(host: Host, command: WorkerCommand, trace: Trace): Promise<void> {
  const { moduleName = '', rawArgs } = command.config.modprobe
  if (moduleName === '') return
  const loaded = (await loadedModules(host)).get(kernelName(moduleName))
  if (loaded === undefined) {
    throw new Stop(
      'ModprobeFailed',
      `modprobe ended well, but ${moduleName} is not in /proc/modules: is it built into the kernel, or an alias?`,
    )
  }
  trace.lsmod = loaded.line
  const srcversion = await loadedSrcversion(host, loaded.name)
  if (srcversion !== undefined) trace.srcversion = srcversion
  if (rawArgs !== undefined) return
  const file = await moduleFile(host, command, moduleName)
  if (file !== undefined && (await isOurs(host, loaded, file)) === false) {
    trace.notes.push(
      `a ${moduleName} that is not the image's was loaded before and still is; list it in inTreeModulesToRemove`,
    )
  }
}
