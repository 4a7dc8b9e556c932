import { moduleKey } from '../../api/names.ts'
import type { EventReason } from './eventReasons.ts'
import type { StopCause } from '../contract.ts'
import type { EventSubject, ModuleEvent } from './moduleEvent.ts'

/** An Event as people read it in `kubectl describe`. */
export interface EventText {
  readonly about: 'Module' | { readonly node: string }
  readonly type: 'Normal' | 'Warning'
  readonly reason: EventReason
  readonly message: string
  readonly annotations: Readonly<Record<string, string>>
  /** Events of one object with one key are one Event, whoever says it and however often. */
  readonly key: string
}

const stages = { build: 'Build', sign: 'Sign' } as const

const stopWords: Readonly<Record<StopCause, string>> = {
  superseded: 'superseded: its inputs have changed',
  cancelled: 'stopped: somebody cancelled it',
  notNeeded: 'stopped: no node needs its image any more',
  moduleDeleted: 'stopped: the Module is deleted',
}

/**
 * What `kubectl describe` shows of something that happened: reasons and annotations as in KMM (images:EVT-1 to
 * EVT-4, nodes:EVT-1 to EVT-3), on the Module and with the raw kernel release (their Betters).
 *
 * A failure on nodes is said on the Module once per kernel, config and reason, so that thousands of nodes with one
 * fault are one Event, and once on each Node; and so again after each retry of a person.
 */
export function kubernetesEvents(
  { ref, kernel, runId }: EventSubject,
  event: ModuleEvent,
): readonly EventText[] {
  const module = moduleKey(ref)
  const aboutKernel = { 'kernel-version': kernel }
  switch (event.kind) {
    case 'BuildCreated': {
      const { stage, pod, image, attempt, createdAt } = event
      const does = stage === 'build' ? 'builds' : 'signs'
      const message = `${stages[stage]} created for kernel ${kernel}: pod ${pod.name} ${does} ${image}, attempt ${attempt}`
      const annotations = { ...aboutPod(kernel, pod.name), 'pod-creation-timestamp': createdAt }
      const reason = `${stages[stage]}Created` as const
      return [{ ...normal, reason, message, annotations, key: `created ${pod.uid}` }]
    }
    case 'BuildEnded': {
      const { stage, pod, image, result, reason, errorLines = '' } = event
      const what = stages[stage]
      const annotations = aboutPod(kernel, pod.name)
      const key = `ended ${pod.uid}`
      if (result === 'succeeded') {
        const message = `${what} job succeeded for kernel ${kernel}: ${image}`
        return [{ ...normal, reason: `${what}Succeeded`, message, annotations, key }]
      }
      const lines = errorLines === '' ? '' : `\n${errorLines.slice(-errorLinesLimit)}`
      const why = `${what} job ${result} for kernel ${kernel}: ${reason}: ${event.message}${lines}`
      const name = result === 'failed' ? 'Failed' : 'Interrupted'
      return [{ ...warning, reason: `${what}${name}`, message: why, annotations, key }]
    }
    case 'BuildStopped': {
      const { stage, pod, why } = event
      const reason = why === 'superseded' ? 'Superseded' : (`${stages[stage]}Cancelled` as const)
      const message = `${stages[stage]} pod ${pod.name} for kernel ${kernel} is ${stopWords[why]}`
      const annotations = aboutPod(kernel, pod.name)
      return [{ ...normal, reason, message, annotations, key: `stopped ${pod.uid}` }]
    }
    case 'RebuildRefused': {
      const { why, activity } = event
      const message = `The image for kernel ${kernel} is not built again: ${why}`
      const key = `rebuild refused ${kernel} ${activity}`
      return [{ ...warning, reason: 'RebuildRefused', message, annotations: aboutKernel, key }]
    }
    case 'NodeDone': {
      const loads = event.action === 'Load'
      const message = loads
        ? `Module ${module} loaded into the kernel: ${event.message}`
        : `Module ${module} unloaded from the kernel`
      const reason = loads ? 'ModuleLoaded' : 'ModuleUnloaded'
      const key = `${module} ${event.action} ${event.podUid}`
      return [{ ...normal, ...onNode(module, event), reason, message, key }]
    }
    case 'NodeFailed': {
      const { action, node, reason, configHash, bootId, retries } = event
      const name = `${action}Failed` as const
      const said = `${reason}: ${event.message}`
      const tried = retries === undefined ? '' : ` ${runId} ${retries}`
      return [
        {
          ...warning,
          reason: name,
          message: `${action} failed for kernel ${kernel}, first on node ${node}: ${said}`,
          annotations: aboutKernel,
          key: `${name} ${kernel} ${configHash} ${reason}${tried}`,
        },
        {
          ...warning,
          ...onNode(module, event),
          reason: `Module${name}`,
          message: `Module ${module}: ${said}`,
          key: `${module} ${name} ${reason} ${configHash} ${bootId}${tried}`,
        },
      ]
    }
    case 'LeftLoaded': {
      const { message, configHash, bootId } = event
      const key = `${module} left ${configHash} ${bootId}`
      return [{ ...warning, ...onNode(module, event), reason: 'ModuleLeftLoaded', message, key }]
    }
    case 'Waits': {
      const { reason, activity } = event
      const message = `Kernel ${kernel} waits: ${event.message}`
      return [
        {
          ...warning,
          reason,
          message,
          annotations: aboutKernel,
          key: `waits ${kernel} ${reason} ${activity}`,
        },
      ]
    }
    case 'ImageAsked':
    case 'Held':
      // Questions are no news, and what a hold is for is said when it happens, or as what the kernel waits for.
      return []
    case 'HoldReleased': {
      const { hold, activity } = event
      const by = hold.by === undefined ? '' : ` (${hold.by})`
      const message = `Kernel ${kernel} waits no more: ${hold.reason}${by}`
      const key = `released ${hold.key} ${activity}`
      return [{ ...normal, reason: 'HoldReleased', message, annotations: aboutKernel, key }]
    }
  }
}

/** Characters of a build's error lines in its Event, of 1,024 for all. */
const errorLinesLimit = 600

const normal = { about: 'Module', type: 'Normal' } as const
const warning = { about: 'Module', type: 'Warning' } as const

function aboutPod(kernel: string, pod: string) {
  return { 'kernel-version': kernel, 'pod-name': pod }
}

function onNode(module: string, { node }: { readonly node: string }) {
  return { about: { node }, annotations: { module } }
}
