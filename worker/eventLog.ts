import type { Logger } from 'pino'
import type { EventSubject, ModuleEvent } from '../activities/events/moduleEvent.ts'
import { moduleKey } from '../api/names.ts'

type Level = 'debug' | 'info' | 'warn'
interface Line {
  readonly level: Level
  readonly fields: Readonly<Record<string, unknown>>
  readonly text: string
}

/** Writes one line for something that happened: with the Module, the kernel and the run that worked on it. */
export function logEvent(log: Pick<Logger, Level>, subject: EventSubject, event: ModuleEvent): void {
  const { ref, kernel, workflowId, runId } = subject
  const { level, fields, text } = lineOf(event)
  log[level]({ module: moduleKey(ref), kernel, workflowId, runId, ...fields }, text)
}

function lineOf(event: ModuleEvent): Line {
  switch (event.kind) {
    case 'ImageAsked': {
      const { image, by, result, seconds } = event
      return { level: 'debug', fields: { image, by, result, seconds }, text: 'image asked for' }
    }
    case 'BuildCreated': {
      const { stage, pod, image, attempt } = event
      return { level: 'info', fields: { pod: pod.name, image, attempt }, text: `${stage} started` }
    }
    case 'BuildEnded': {
      const { stage, pod, image, result, reason, message, seconds } = event
      const ended = { pod: pod.name, image, seconds }
      return result === 'succeeded'
        ? { level: 'info', fields: ended, text: `${stage} succeeded` }
        : { level: 'warn', fields: { ...ended, reason, message }, text: `${stage} ${result}` }
    }
    case 'BuildStopped': {
      const text = `${event.stage} ${event.why === 'superseded' ? 'superseded' : 'cancelled'}`
      return { level: 'info', fields: { pod: event.pod.name, reason: event.why }, text }
    }
    case 'RebuildRefused':
      return { level: 'warn', fields: { reason: event.why }, text: 'rebuild refused' }
    case 'NodeDone': {
      const { node, action, seconds } = event
      const text = action === 'Load' ? 'module loaded' : 'module unloaded'
      return { level: 'info', fields: { node, seconds }, text }
    }
    case 'NodeFailed': {
      const { node, action, reason, message, seconds } = event
      const text = action === 'Load' ? 'load failed' : 'unload failed'
      return { level: 'warn', fields: { node, seconds, reason, message }, text }
    }
    case 'LeftLoaded': {
      const { node, message } = event
      return { level: 'warn', fields: { node, message }, text: 'module left loaded' }
    }
    case 'Waits': {
      const { reason, message } = event
      return { level: 'debug', fields: { reason, message }, text: 'waits' }
    }
    case 'Held': {
      const { reason, message } = event.hold
      return { level: 'warn', fields: { reason, message }, text: 'held' }
    }
    case 'HoldReleased': {
      const { reason, by } = event.hold
      return { level: 'info', fields: { reason, by }, text: 'hold released' }
    }
  }
}
