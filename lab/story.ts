import { CoreV1Api, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KernelPhase, KernelStatus } from '../api/module.ts'
import { parseModule } from '../api/readModule.ts'
import { group, version, type ModuleRef } from '../api/names.ts'
import type { Progress, ProgressLine } from './programs/progress.ts'

/** How often the Module is looked at, in milliseconds. */
const paceMs = 500

/** What a Module ended with, for one kernel. */
export interface Ending {
  readonly kernel: KernelStatus
  /** What the loader said on each node, newest last. */
  readonly loaded: readonly { readonly node: string; readonly message: string }[]
}

const stages: Readonly<Partial<Record<KernelPhase, string>>> = {
  Resolving: 'image check',
  CheckingImage: 'image check',
  WaitingForImage: 'image check',
  Building: 'build',
  Signing: 'sign',
  Verifying: 'build',
  Loading: 'load',
}
const ends: readonly KernelPhase[] = [
  'Loaded',
  'BuildFailed',
  'SignFailed',
  'LoadFailed',
  'InputInvalid',
  'Cancelled',
]

/**
 * Shows a Module's way from check over build to load, a line per stage with the last line of the build log, until it
 * is loaded or held. Rejects with the signal's reason.
 */
export async function showStory(
  kubeconfig: string,
  ref: ModuleRef,
  progress: Progress,
  signal: AbortSignal,
): Promise<Ending> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const objects = config.makeApiClient(CustomObjectsApi)
  const core = config.makeApiClient(CoreV1Api)
  let current: { readonly stage: string; readonly line: ProgressLine } | undefined
  for (;;) {
    signal.throwIfAborted()
    const object: unknown = await objects.getNamespacedCustomObject({
      group,
      version,
      plural: 'modules',
      ...ref,
    })
    const parsed = parseModule(object)
    const kernel = parsed.ok ? parsed.module.status?.kernels?.[0] : undefined
    if (kernel !== undefined) {
      const stage = stages[kernel.phase]
      if (current !== undefined && stage !== current.stage) current.line.done(endOf(current.stage, kernel))
      if (stage !== undefined && stage !== current?.stage) current = { stage, line: progress.start(stage) }
      if (stage === undefined) current = undefined
      current?.line.say(kernel.reason ?? kernel.phase, await detailOf(core, ref, kernel))
      if (ends.includes(kernel.phase)) return { kernel, loaded: await loadedLines(core, ref) }
    }
    await sleep(paceMs, undefined, { signal })
  }
}

function endOf(stage: string, kernel: KernelStatus): string {
  if (stage === 'load') return `${kernel.nodes?.loaded ?? 0} of ${kernel.nodes?.targets ?? 0} nodes`
  if (kernel.phase === 'Signing') return stage === 'build' ? 'built, to be signed' : 'absent: to be signed'
  if (stage === 'build' || stage === 'sign')
    return kernel.digest === undefined ? (kernel.reason ?? 'failed') : kernel.digest.slice(0, 19)
  return kernel.phase === 'Building' ? 'absent: to be built' : 'present'
}

async function detailOf(core: CoreV1Api, ref: ModuleRef, kernel: KernelStatus): Promise<string> {
  if (kernel.phase !== 'Building' || kernel.buildPod === undefined) return kernel.message?.slice(0, 80) ?? ''
  const request = { namespace: ref.namespace, name: kernel.buildPod, tailLines: 1 }
  // Before the container runs there is no log.
  const line = await core.readNamespacedPodLog(request).catch(() => '')
  return line.trim().slice(0, 80)
}

async function loadedLines(core: CoreV1Api, ref: ModuleRef): Promise<Ending['loaded']> {
  const { items } = await core.listNamespacedEvent({
    namespace: 'default',
    fieldSelector: 'reason=ModuleLoaded,involvedObject.kind=Node',
  })
  return items
    .filter((event) => event.metadata.annotations?.['module'] === `${ref.namespace}/${ref.name}`)
    .map((event) => ({ node: event.involvedObject.name ?? '', message: event.message ?? '' }))
}
