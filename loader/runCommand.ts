import { loadCommand, unloadCommand } from '../api/loadCommand.ts'
import type { LoaderResult } from '../api/loaderResult.ts'
import type { WorkerCommand } from '../api/workerCommand.ts'
import { bootIdOf, checkNode, checkTree, checkVermagic } from './checks.ts'
import { classify } from './classify.ts'
import { Stop } from './finding.ts'
import { copyFirmware } from './firmware.ts'
import type { Host, Outcome } from './host.ts'
import { inTreeToRemove } from './inTree.ts'
import { holdersOf, isOurs, kernelName, loadedModules, moduleFile, wantedModules } from './kernelModules.ts'

/** What the steps of a run leave behind for the result, also when one of them stops it. */
interface Trace {
  command: readonly string[]
  outcome?: Outcome
  lsmod?: string
  message?: string
}

/**
 * Runs one command on this node and says what came of it; never rejects. `command`, `exitStatus` and `output` of the
 * result are those of the last program that decided; when none ran, `exitStatus` is 1 for a failure and else 0.
 */
export async function runCommand(host: Host, command: WorkerCommand): Promise<LoaderResult> {
  const trace: Trace = { command: [] }
  const bootId = await bootIdOf(host).catch(() => '')
  const stop = await perform(host, command, bootId, trace).then(
    () => undefined,
    (error: unknown) =>
      error instanceof Stop ? error : new Stop('ModprobeFailed', (error as Error).message),
  )
  const failed = stop !== undefined && stop.reason !== 'Obsolete'
  const message = stop?.message ?? trace.message
  return {
    action: command.action,
    bootId,
    kernel: host.kernel,
    command: [...trace.command],
    exitStatus: trace.outcome?.status ?? (failed ? 1 : 0),
    output: trace.outcome?.output ?? '',
    ...(trace.lsmod === undefined ? {} : { lsmod: trace.lsmod }),
    ...(stop === undefined ? {} : { reason: stop.reason }),
    ...(message === undefined ? {} : { message }),
  }
}

async function perform(host: Host, command: WorkerCommand, bootId: string, trace: Trace): Promise<void> {
  checkNode(command, bootId, host.kernel)
  if (command.action === 'Load') await load(host, command, trace)
  else await unload(host, command, trace)
}

/** In-tree modules go, firmware comes, then modprobe (nodes:WRK-3 to WRK-6); nothing is touched before the checks. */
async function load(host: Host, command: WorkerCommand, trace: Trace): Promise<void> {
  await checkTree(host, command)
  await checkVermagic(host, command)
  await removeInTree(host, command, trace)
  await copyFirmware(host, command)
  await modprobe(host, loadCommand(command.config.modprobe), trace)
  await verifyLoaded(host, command, trace)
}

/** A module that is not in the kernel needs no modprobe and no tree, unless the user's own arguments do more. */
async function unload(host: Host, command: WorkerCommand, trace: Trace): Promise<void> {
  const { moduleName, rawArgs } = command.config.modprobe
  const names = wantedModules(command).map(kernelName)
  const before = await loadedModules(host)
  if (rawArgs === undefined && !names.some((name) => before.has(name))) {
    trace.message = `${names.join(', ')}: not loaded`
    return
  }
  await checkTree(host, command)
  await modprobe(host, unloadCommand(command.config.modprobe), trace)
  const left = (await loadedModules(host)).get(kernelName(moduleName ?? ''))
  if (left !== undefined) {
    trace.lsmod = left.line
    throw new Stop('ModprobeFailed', `modprobe ended well, but ${left.name} is still in /proc/modules`)
  }
}

async function removeInTree(host: Host, command: WorkerCommand, trace: Trace): Promise<void> {
  const names = await inTreeToRemove(host, command)
  if (names.length === 0) return
  try {
    await modprobe(host, ['modprobe', '-rv', ...names], trace)
  } catch (error) {
    throw new Stop('InTreeModuleNotRemoved', (error as Error).message)
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
  if (rawArgs !== undefined) return
  const file = await moduleFile(host, command, moduleName)
  if (file !== undefined && (await isOurs(host, loaded, file)) === false) {
    trace.message = `a ${moduleName} that is not the image's was loaded before and still is; list it in inTreeModulesToRemove`
  }
}
