import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { buildsOf, timelineOf, type HistoryEvent } from './timeline.ts'

/** A history that a real Temporal server recorded of the real workflow; bytes stand in the file as their text. */
function recorded(name: string): readonly HistoryEvent[] {
  const file = new URL(`../../test/histories/${name}.json`, import.meta.url)
  const bytes = (_key: string, value: unknown) =>
    typeof value === 'object' && value !== null && 'bytes' in value ? Buffer.from(String(value.bytes)) : value
  const history = JSON.parse(readFileSync(file, 'utf8'), bytes) as { readonly events: HistoryEvent[] }
  return history.events
}

test('a held build that a person retried: attempts, outcomes and the retry, in order', () => {
  const steps = timelineOf(recorded('held-and-retried'))
  expect(steps.map(({ title, outcome }) => [title, outcome])).toEqual([
    ['is there an image reg.example/fpga:6.1.0', 'absent'],
    ['create build pod, attempt 1, inputs aaaaaaaa', 'created'],
    ['build reg.example/fpga:6.1.0 in pod p-1', 'failed: BuildCommandFailed'],
    ['retry asked for', ''],
    ['remove build pod p-1: a retry was asked for', 'done'],
    ['is there an image reg.example/fpga:6.1.0', 'absent'],
    ['create build pod, attempt 2, inputs aaaaaaaa', 'created'],
    ['build reg.example/fpga:6.1.0 in pod p-2', 'succeeded'],
    ['is the pushed image there: reg.example/fpga:6.1.0', 'present'],
    ['collect build pod p-2', 'done'],
  ])
  expect(steps.every(({ startedAt, endedAt = 0 }) => endedAt >= startedAt && startedAt > 1e12)).toBe(true)
})

test('a load on a node', () => {
  const loads = timelineOf(recorded('loaded')).filter(({ type }) => type === 'workOnNode')
  expect(loads).toMatchObject([{ title: 'Load on node n1', outcome: 'done' }])
})

test('what has no end yet goes on', () => {
  const events = recorded('held-and-retried')
  const asked = events.findIndex(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'checkImage',
  )
  const steps = timelineOf(events.slice(0, asked + 1))
  expect(steps.at(-1)).toMatchObject({ outcome: 'goes on' })
  expect(steps.at(-1)).not.toHaveProperty('endedAt')
})

test('logs that were kept, newest first', () => {
  expect(buildsOf(recorded('held-and-retried'))).toMatchObject([
    { pod: 'p-2', log: 'built' },
    { pod: 'p-1', log: 'the log' },
  ])
})
