import { cutText } from '../../api/text/cleanText.ts'
import { sha256 } from '../../api/names.ts'
import type { Kube } from '../kube/kube.ts'
import { events } from '../kube/resources.ts'
import type { EventText } from './kubernetesEvents.ts'

/** The object an Event is attached to. */
export interface InvolvedObject {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
  readonly uid: string
}

/** An Event of any object. */
export type RecordedText = Omit<EventText, 'about' | 'reason'> & { readonly reason: string }

/** Writes Events of Kubernetes. They are for people: one that cannot be written is lost, and stops nothing. */
export interface EventRecorder {
  record(about: InvolvedObject, text: RecordedText): Promise<void>
}

/** The API server forgets Events after an hour (`--event-ttl`); what is said again then is news. */
const memoryMs = 60 * 60_000
/** So many Events are remembered at most. */
const memorySize = 10_000

/**
 * Makes a recorder that says each Event once. An Event's name depends on its object and key alone, so the API server
 * refuses a second one of any process; what this process has said is not even sent again, so that a fault of
 * thousands of nodes is one request.
 */
export function createEventRecorder(kube: Pick<Kube, 'create'>, now: () => number = Date.now): EventRecorder {
  /** When each was said, by name; the oldest first. */
  const said = new Map<string, number>()
  const forgetOld = () => {
    for (const [name, at] of said) {
      if (said.size <= memorySize && now() - at < memoryMs) return
      said.delete(name)
    }
  }
  return {
    async record(about, text) {
      forgetOld()
      const body = eventOf(about, text, new Date(now()).toISOString())
      const { namespace, name } = body.metadata
      const key = `${namespace}/${name}`
      if (said.has(key)) return
      said.set(key, now())
      await kube.create(events, body).catch(() => undefined)
    },
  }
}

function eventOf(involvedObject: InvolvedObject, text: RecordedText, at: string) {
  const { annotations, reason, message, type, key } = text
  const { namespace, name, uid } = involvedObject
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      // Events of cluster-scoped objects live in namespace default.
      namespace: namespace ?? 'default',
      name: `${name.slice(0, 220).replace(/[-.]+$/, '')}.${sha256(`${uid} ${key}`).slice(0, 16)}`,
      annotations,
    },
    involvedObject,
    reason,
    message: cutText(message, 1024),
    type,
    source: { component: 'kmm' },
    reportingComponent: 'kmm',
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  }
}
