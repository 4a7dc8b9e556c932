import { expect, inject } from 'vitest'
import { events } from '../../activities/kube/resources.ts'
import { moduleKey, type ModuleRef } from '../../api/names.ts'
import { eventually } from './eventually.ts'
import { readLogLines } from './logFile.ts'
import type { TestLab } from './testLab.ts'

/** Where a process of the operator tells of itself. */
export interface Replica {
  readonly logFile: string
  /** Address of its metrics. */
  readonly metrics: string
}

/** A line of the log about something that happened to a Module. */
export interface LogLine {
  readonly time: string
  readonly msg: string
  readonly module: string
  readonly kernel: string
  readonly runId: string
  readonly reason?: string
}

/** The replicas of the operator that the tier shares. */
export function sharedReplicas(): Replica[] {
  return [...inject('operatorReplicas')]
}

/** What all replicas have said of a Module so far, in order of time. */
export function saidOf(replicas: readonly Replica[], ref: ModuleRef): LogLine[] {
  const lines = replicas.flatMap(linesOf).filter(({ module }) => module === moduleKey(ref))
  return lines.toSorted((a, b) => (a.time < b.time ? -1 : 1))
}

function linesOf({ logFile }: Replica): LogLine[] {
  return readLogLines(logFile)
    .filter((line) => line.includes('"module":'))
    .map((line) => JSON.parse(line) as LogLine)
}

/** Counter that goes up by one with each line of this text; lines of other texts are not looked at. */
const counters: Readonly<Record<string, (line: LogLine) => string>> = {
  'build started': () => 'kmm_builds_created_total',
  'build succeeded': () => 'kmm_builds_total{result="succeeded",reason="Completed"}',
  'build failed': ({ reason }) => `kmm_builds_total{result="failed",reason="${reason}"}`,
  'build superseded': () => 'kmm_builds_superseded_total',
  'module loaded': () => 'kmm_loads_total{result="succeeded",reason="Completed"}',
  'module unloaded': () => 'kmm_unloads_total{result="succeeded",reason="Completed"}',
  held: ({ reason }) => `kmm_holds_total{reason="${reason}"}`,
  'hold released': ({ reason }) => `kmm_holds_released_total{reason="${reason}"}`,
}

/**
 * Waits until every replica has counted what its log says, over all Modules, in each counter that has to do with this
 * one. Gives the names of these counters.
 */
export async function untilCounted(replicas: readonly Replica[], ref: ModuleRef): Promise<string[]> {
  const about = new Set(saidOf(replicas, ref).flatMap((line) => counters[line.msg]?.(line) ?? []))
  for (const replica of replicas) {
    await eventually(
      `${replica.metrics} counts what ${replica.logFile} says`,
      async () => ({ page: await pageOf(replica), lines: linesOf(replica) }),
      ({ page, lines }) => {
        for (const counter of about) {
          const said = lines.filter((line) => counters[line.msg]?.(line) === counter).length
          expect([counter, page.get(counter) ?? 0]).toEqual([counter, said])
        }
      },
    )
  }
  return [...about]
}

/** Waits until every replica shows this value. */
export async function untilMetric(
  replicas: readonly Replica[],
  metric: string,
  value: number,
): Promise<void> {
  await eventually(
    `${metric} is ${value}`,
    () => Promise.all(replicas.map(async (replica) => (await pageOf(replica)).get(metric))),
    (values) => expect(values).toEqual(replicas.map(() => value)),
  )
}

/** Values by name and labels, as they stand on a replica's page. */
async function pageOf({ metrics }: Replica): Promise<Map<string, number>> {
  const text = await (await fetch(metrics)).text()
  const lines = text.split('\n').filter((line) => line.startsWith('kmm_'))
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  )
}

/** How often each word is there. */
export function counted(words: readonly string[]): Record<string, number> {
  const groups = Object.groupBy(words, (word) => word)
  return Object.fromEntries(Object.entries(groups).map(([word, all = []]) => [word, all.length]))
}

/** Events about the Module of this uid, by reason. */
export async function eventsOn(
  lab: TestLab,
  namespace: string,
  uid: string,
): Promise<Record<string, number>> {
  const { items } = await lab.kube.list(events, { namespace })
  return counted(
    items.filter(({ involvedObject }) => involvedObject.uid === uid).map(({ reason = '' }) => reason),
  )
}

/** Events about a Node that have to do with a Module, by reason, since a time (RFC 3339). */
export async function eventsOnNode(
  lab: TestLab,
  node: string,
  ref: ModuleRef,
  since: string,
): Promise<Record<string, number>> {
  const { items } = await lab.kube.list(events, { namespace: 'default' })
  const ours = items.filter(
    ({ involvedObject: { kind, name }, metadata, firstTimestamp }) =>
      kind === 'Node' &&
      name === node &&
      metadata.annotations?.['module'] === moduleKey(ref) &&
      Date.parse(String(firstTimestamp)) >= Date.parse(since),
  )
  return counted(ours.map(({ reason = '' }) => reason))
}
