import { countOf } from '../args/parse.ts'
import type { Call } from '../call.ts'
import { exitCodes } from '../exitCodes.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { elapsed } from '../output/elapsed.ts'
import type { Style } from '../output/style.ts'
import { drawTree } from '../output/tree.ts'
import { storedOf } from '../cluster/storedOf.ts'
import { neededPlace, withTemporal } from '../temporal/connect.ts'
import { clusterName, eventsOf, listRuns } from '../temporal/runs.ts'
import { timelineOf, type TimelineStep } from '../temporal/timeline.ts'

/** One run with what it did. */
export interface ReportedRun {
  readonly workflowId: string
  readonly runId: string
  readonly kernel: string
  readonly status: string
  /** RFC 3339. */
  readonly startedAt: string
  readonly endedAt: string | undefined
  readonly steps: readonly TimelineStep[]
}

const defaultLimit = 10

/** `kubectl kmod history MODULE`: from Temporal, which keeps what status has forgotten. */
export async function history(call: Call) {
  const [name = ''] = call.arguments
  const ref = { namespace: call.namespace, name }
  const place = await neededPlace(call, 'What runs did')
  const limit = countOf({ name: 'history' }, 'limit', call.flag('limit') ?? String(defaultLimit))
  // A Module that is gone has a history too.
  const module = await call.cluster.get<StoredObject>(kinds.modules, ref)
  const cluster = await clusterName(call.cluster, ref, module && storedOf(module))
  const runs = await withTemporal(call, place, async (client) => {
    const found = await listRuns(client, { ref, kernel: call.flag('kernel'), cluster }, limit)
    return await Promise.all(
      found.map(async ({ workflowId, runId, status, startTime, closeTime }): Promise<ReportedRun> => {
        const steps = timelineOf(await eventsOf(client, { workflowId, runId }))
        const kernel = workflowId.split(':').slice(4).join(':')
        const endedAt = closeTime?.toISOString()
        return {
          workflowId,
          runId,
          kernel,
          status: status.name,
          startedAt: startTime.toISOString(),
          endedAt,
          steps,
        }
      }),
    )
  })
  call.print({ runs }, () =>
    runs.length === 0
      ? `Temporal at ${place.address}, namespace ${place.namespace}, has no runs of Module ${ref.namespace}/${name}.`
      : runs.map((run) => drawRun(run, { style: call.style, wide: call.format === 'wide' })).join('\n'),
  )
  return runs.length === 0 ? exitCodes.notFound : exitCodes.ok
}

interface Drawing {
  readonly style: Style
  readonly wide: boolean
}

function drawRun(
  { kernel, status, startedAt, endedAt, steps, runId }: ReportedRun,
  drawing: Drawing,
): string {
  const { style } = drawing
  const took = elapsed((endedAt === undefined ? Date.now() : Date.parse(endedAt)) - Date.parse(startedAt))
  const line = `${startedAt}  Kernel ${kernel}  ${status}  ${took}  ${style.faint(runId)}`
  return drawTree({ line, below: steps.map((step) => ({ line: stepLine(step, drawing) })) })
}

function stepLine({ title, startedAt, endedAt, outcome }: TimelineStep, { style, wide }: Drawing): string {
  const began = wide ? `${new Date(startedAt).toISOString()}  ` : ''
  const took = elapsed((endedAt ?? Date.now()) - startedAt)
  const isBad = outcome.startsWith('failed') || outcome.startsWith('interrupted')
  return `${began}${title}  ${style.faint(took)}  ${isBad ? style.bad(outcome) : outcome}`.trimEnd()
}
