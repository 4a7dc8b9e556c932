import type { WorkflowHandle } from '@temporalio/client'
import { expect } from 'vitest'

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>
type HistoryEvent = NonNullable<History['events']>[number]
interface Payload {
  readonly metadata: { readonly encoding: Uint8Array }
  readonly data?: Uint8Array
}

const encodings = ['json/plain', 'binary/null', 'json/protobuf']
/** The log of a build, 64 KiB, is the largest thing that a payload carries. */
const payloadBytes = 80 * 1024

/** A person who opens this run in the Temporal UI can read it: a summary for each step, and payloads of small JSON. */
export function expectReadable({ events }: History): void {
  for (const event of events ?? []) {
    const what = stepOf(event)
    if (what !== undefined) expect(event.userMetadata?.summary?.data?.length ?? 0, what).toBeGreaterThan(0)
    for (const { metadata, data } of payloadsIn(event)) {
      expect(encodings).toContain(new TextDecoder().decode(metadata.encoding))
      expect(data?.length ?? 0).toBeLessThan(payloadBytes)
    }
  }
}

/** The summary of a step, as people read it. */
export function summaryOf({ userMetadata }: HistoryEvent): unknown {
  const data = userMetadata?.summary?.data
  return data ? JSON.parse(new TextDecoder().decode(data)) : undefined
}

/** An activity or a timer begins. */
function stepOf(event: HistoryEvent): string | undefined {
  const { activityTaskScheduledEventAttributes: activity, timerStartedEventAttributes: timer } = event
  if (activity) return `activity ${activity.activityType?.name}`
  return timer ? `timer ${timer.timerId}` : undefined
}

function payloadsIn(value: unknown): Payload[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  const { metadata } = value as { metadata?: { encoding?: unknown } }
  if (metadata?.encoding instanceof Uint8Array) return [value as Payload]
  return Object.values(value).flatMap(payloadsIn)
}
