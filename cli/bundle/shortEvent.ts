import type { EventObject } from '../kube/resources.ts'

/** What people read of an Event. */
export function shortEvent({ type, reason, message, lastTimestamp, eventTime, involvedObject }: EventObject) {
  const { kind, name } = involvedObject ?? {}
  return { at: lastTimestamp ?? eventTime, about: `${kind} ${name}`, type, reason, message }
}
