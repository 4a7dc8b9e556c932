import { textOfMarkdown } from '../../api/text/markdown.ts'
import { defaultPayloadConverter, type Payload } from '@temporalio/common'
import { z } from 'zod'

/** Something a run did, or was told. */
export interface TimelineStep {
  /** The activity, or the signal. */
  readonly type: string
  /** In words, as the Temporal UI has it. */
  readonly title: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** Absent while it goes on. */
  readonly endedAt?: number
  readonly outcome: string
}

/** A build as a run followed it to its end. */
export interface KeptBuild {
  readonly pod: string
  /** The end of its log, secrets masked, 64 KiB at most; absent when the pod was gone. */
  readonly log?: string
  readonly endedAt: number
}

/** What is used of an event of a run's history. */
export interface HistoryEvent {
  readonly eventId?: unknown
  readonly eventTime?: { readonly seconds?: unknown; readonly nanos?: number | null } | null
  readonly userMetadata?: { readonly summary?: Payload | null } | null
  readonly activityTaskScheduledEventAttributes?: {
    readonly activityType?: { readonly name?: string | null } | null
    readonly input?: { readonly payloads?: Payload[] | null } | null
  } | null
  readonly activityTaskCompletedEventAttributes?: {
    readonly scheduledEventId?: unknown
    readonly result?: { readonly payloads?: Payload[] | null } | null
  } | null
  readonly activityTaskFailedEventAttributes?: {
    readonly scheduledEventId?: unknown
    readonly failure?: { readonly message?: string | null } | null
  } | null
  readonly activityTaskCanceledEventAttributes?: { readonly scheduledEventId?: unknown } | null
  readonly activityTaskTimedOutEventAttributes?: { readonly scheduledEventId?: unknown } | null
  readonly workflowExecutionSignaledEventAttributes?: { readonly signalName?: string | null } | null
}

/** Activities that people want to see; the others read, or write status. */
const shown = new Set(['checkImage', 'createBuildPod', 'followBuildPod', 'removeBuildPod', 'workOnNode'])

interface Activity {
  readonly step: TimelineStep
  readonly input: unknown
  readonly result?: unknown
}

/** What a run did, in order, from its history. */
export function timelineOf(events: readonly HistoryEvent[]): TimelineStep[] {
  const told = events.flatMap((event): TimelineStep[] => {
    const name = event.workflowExecutionSignaledEventAttributes?.signalName
    if (name !== 'retryBuild') return []
    const at = timeOf(event)
    return [{ type: name, title: 'retry asked for', startedAt: at, endedAt: at, outcome: '' }]
  })
  const did = activitiesOf(events)
    .map(({ step }) => step)
    .filter(({ type }) => shown.has(type))
  return [...told, ...did].toSorted((a, b) => a.startedAt - b.startedAt)
}

/** The builds that a run followed, newest first. */
export function buildsOf(events: readonly HistoryEvent[]): KeptBuild[] {
  return activitiesOf(events)
    .flatMap(({ step, input, result }): KeptBuild[] => {
      if (step.type !== 'followBuildPod' || step.endedAt === undefined) return []
      const pod = followSchema.safeParse(input).data?.pod.name
      if (pod === undefined) return []
      const log = outcomeSchema.safeParse(result).data?.log
      return [{ pod, endedAt: step.endedAt, ...(log === undefined ? {} : { log }) }]
    })
    .toReversed()
}

const followSchema = z.object({ pod: z.object({ name: z.string() }) })
const outcomeSchema = z.object({
  kind: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
  log: z.string().optional(),
})

function activitiesOf(events: readonly HistoryEvent[]): Activity[] {
  const found = new Map<string, Activity>()
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes
    if (scheduled != null) {
      const type = scheduled.activityType?.name ?? ''
      const title = summaryOf(event) ?? type
      const step = { type, title, startedAt: timeOf(event), outcome: 'goes on' }
      found.set(String(event.eventId), { step, input: decoded(scheduled.input?.payloads?.[0]) })
      continue
    }
    const { activityTaskCompletedEventAttributes: completed, activityTaskFailedEventAttributes: failed } =
      event
    const { activityTaskCanceledEventAttributes: cancelled, activityTaskTimedOutEventAttributes: late } =
      event
    const ended = completed ?? failed ?? cancelled ?? late
    const id = String(ended?.scheduledEventId)
    const activity = found.get(id)
    if (ended == null || activity === undefined) continue
    const result = decoded(completed?.result?.payloads?.[0])
    const outcome =
      completed != null
        ? outcomeWords(result)
        : failed != null
          ? `failed: ${failed.failure?.message ?? ''}`
          : cancelled != null
            ? 'cancelled'
            : 'timed out'
    found.set(id, { ...activity, result, step: { ...activity.step, endedAt: timeOf(event), outcome } })
  }
  return [...found.values()]
}

function outcomeWords(result: unknown): string {
  const { kind = 'done', reason, message } = outcomeSchema.safeParse(result).data ?? {}
  const why = reason ?? message
  return why === undefined || why === '' ? kind : `${kind}: ${why}`
}

function decoded(payload: Payload | null | undefined): unknown {
  return payload == null ? undefined : defaultPayloadConverter.fromPayload(payload)
}

function timeOf({ eventTime }: HistoryEvent): number {
  return Number(eventTime?.seconds ?? 0) * 1000 + Math.floor((eventTime?.nanos ?? 0) / 1e6)
}

function summaryOf({ userMetadata }: HistoryEvent): string | undefined {
  const { data } = z.string().safeParse(decoded(userMetadata?.summary))
  return data === undefined ? undefined : textOfMarkdown(data)
}
