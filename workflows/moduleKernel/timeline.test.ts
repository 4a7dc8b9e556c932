import { expect, test } from 'vitest'
import type { NodeWork } from '../../api/nodePlan.ts'
import { hold, type Hold, type Step } from './plan.ts'
import { Timeline, timelineLimit } from './timeline.ts'

const start = Date.parse('2026-01-01T00:00:00Z')

/** A timeline whose clock a test moves. */
function story() {
  let now = start
  const timeline = new Timeline(() => now)
  const later = (seconds: number) => void (now += seconds * 1000)
  const shown = () => timeline.answer().entries.map(({ what, took, outcome }) => [what, took, outcome])
  return { timeline, later, shown }
}

const check: Step = { kind: 'check', key: 'check', image: 'reg.example/fpga:1', generation: null }
const build: Step = {
  kind: 'build',
  key: 'build',
  image: 'reg.example/fpga:1',
  generation: null,
  inputHash: 'a'.repeat(40),
  attempt: 2,
}
const pod = { name: 'p-1', uid: 'u-1' }
const failed: Hold = {
  ...hold('failed:u-1', 'CompileFailed', 'A command failed.', 'mend it'),
  look: { kind: 'image', image: 'reg.example/fpga:1', pod },
}
const podView = { ...pod, image: '', inputHash: '', attempt: 1, state: 'failed' } as const

function onNode(node: string, action: NodeWork['action'] = 'Load'): Step {
  return {
    kind: 'node',
    key: `${action} ${node}`,
    work: { node, uid: node, bootId: 'b', action, configHash: 'c' },
  }
}

test('what was done, when, how long, and what came of it', () => {
  const { timeline, later } = story()
  timeline.begin(check)
  later(2)
  timeline.end('check', 'absent')
  timeline.begin(build)
  expect(timeline.answer()).toEqual({
    since: '2026-01-01T00:00:00.000Z',
    entries: [
      {
        what: 'is there an image reg.example/fpga:1',
        from: '2026-01-01T00:00:00.000Z',
        to: '2026-01-01T00:00:02.000Z',
        took: '2s',
        outcome: 'absent',
      },
      {
        what: 'build reg.example/fpga:1, attempt 2',
        from: '2026-01-01T00:00:02.000Z',
        outcome: 'goes on',
      },
    ],
  })
})

test('a hold, and who ended it', () => {
  const { timeline, later, shown } = story()
  timeline.hold([failed], [podView])
  later(60)
  timeline.hold([failed], [podView])
  expect(shown()).toEqual([['held: CompileFailed: A command failed.', undefined, 'goes on']])
  expect(timeline.releaseOf('failed:u-1')).toBeUndefined()
  timeline.retry('the annotation\nretry-build', [failed])
  timeline.hold([], [])
  expect(shown()).toEqual([
    ['held: CompileFailed: A command failed.', '1m0s', 'retry: the annotation retry-build'],
    ['retry: the annotation retry-build', '0s', 'done'],
  ])
  expect(timeline.releaseOf('failed:u-1')).toBe('retry: the annotation retry-build')
})

test.each<[string, (timeline: Timeline) => void, (typeof podView)[], string]>([
  ['its pod was deleted', () => undefined, [], 'its pod p-1 is gone'],
  ['its inputs changed', () => undefined, [podView], 'the Module or the cluster has changed'],
  ['the run saw it', (t) => t.release('failed:u-1', 'the image is there'), [], 'the image is there'],
])('a hold that ended because %s', (_why, happens, pods, outcome) => {
  const { timeline, shown } = story()
  timeline.hold([failed], [podView])
  happens(timeline)
  timeline.hold([], pods)
  expect(shown().at(-1)?.[2]).toBe(outcome)
})

test('a retry is not the end of the next hold of the same kind', () => {
  const { timeline, shown } = story()
  timeline.hold([failed], [podView])
  timeline.retry('a', [failed])
  timeline.hold([], [podView])
  timeline.hold([failed], [podView])
  timeline.hold([], [])
  expect(shown().at(-1)?.[2]).toBe('its pod p-1 is gone')
})

test('a retry that a hold outlived is not its end', () => {
  const { timeline, shown } = story()
  timeline.hold([failed], [podView])
  timeline.retry('a', [failed])
  timeline.hold([failed], [podView])
  timeline.hold([], [podView])
  expect(shown()).toMatchObject([
    [expect.any(String), expect.anything(), 'the Module or the cluster has changed'],
    ['retry: a', expect.anything(), 'done'],
  ])
})

test('work on many nodes is one entry', () => {
  const { timeline, later, shown } = story()
  timeline.begin(onNode('n1'))
  expect(shown()).toEqual([['Load on node n1', undefined, 'goes on']])
  timeline.begin(onNode('n2'))
  timeline.begin(onNode('n3'))
  timeline.end('Load n1', 'done')
  later(5)
  timeline.end('Load n2', 'failed: no such module')
  expect(shown()).toEqual([
    ['Load on 3 nodes', undefined, '1 done; 1 failed, last on node n2: no such module; 1 go on'],
  ])
  timeline.end('Load n3', 'done')
  timeline.begin(onNode('n2'))
  timeline.end('Load n2', 'done')
  expect(shown()).toEqual([['Load on 3 nodes', '5s', '3 done; 1 failed, last on node n2: no such module']])
})

test('what came between begins another entry, unless the work still goes on', () => {
  const { timeline, shown } = story()
  timeline.begin(onNode('n1'))
  timeline.begin(check)
  timeline.begin(onNode('n2'))
  timeline.end('Load n1', 'done')
  timeline.end('Load n2', 'done')
  timeline.begin(onNode('n1', 'Unload'))
  timeline.begin(onNode('n1'))
  expect(shown().map(([what]) => what)).toEqual([
    'Load on 2 nodes',
    'is there an image reg.example/fpga:1',
    'Unload on node n1',
    'Load on node n1',
  ])
})

test('it is bounded: the oldest that have ended go first, and are counted', () => {
  const { timeline } = story()
  timeline.hold([failed], [podView])
  for (let n = 0; n < 1_000; n++) {
    timeline.begin({ ...check, image: 'x'.repeat(10_000) })
    timeline.end('check', `present: ${'y'.repeat(10_000)}`)
  }
  const { entries, leftOut } = timeline.answer()
  expect(entries).toHaveLength(timelineLimit)
  expect(leftOut).toBe(1_001 - timelineLimit)
  expect(entries[0]).toMatchObject({ outcome: 'goes on' })
  expect(JSON.stringify(timeline.carry()).length).toBeLessThan(64 * 1024)
})

test('it goes on in the next part of a long run: what was held is held by the same entry', () => {
  const { timeline, shown } = story()
  timeline.begin(onNode('n1'))
  timeline.end('Load n1', 'done')
  timeline.hold([failed], [podView])
  const next = new Timeline(() => start + 3_600_000, structuredClone(timeline.carry()))
  next.hold([failed], [podView])
  next.retry('somebody', [failed])
  next.hold([], [podView])
  expect(next.answer().since).toBe('2026-01-01T00:00:00.000Z')
  expect(next.answer().entries.map(({ what, took, outcome }) => [what, took, outcome])).toEqual([
    shown()[0],
    ['held: CompileFailed: A command failed.', '1h0m0s', 'retry: somebody'],
    ['retry: somebody', '0s', 'done'],
  ])
})
