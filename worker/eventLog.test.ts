import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { ModuleEvent } from '../activities/events/moduleEvent.ts'
import { logEvent } from './eventLog.ts'

const subject = { ref: { namespace: 'ns', name: 'fpga' }, kernel: '6.1.0', workflowId: 'w', runId: 'r' }
const pod = { namespace: 'ns', name: 'fpga-build-a-1', uid: 'p1' }
const ended = {
  kind: 'BuildEnded',
  stage: 'build',
  pod,
  image: 'i',
  reason: 'CompileFailed',
  message: 'no',
} as const
const onNode = { node: 'n1', bootId: 'b1', configHash: 'c1', podUid: 'w1', message: 'words' }
const hold = { key: 'k', reason: 'CompileFailed', message: 'no' }

function linesOf(event: ModuleEvent): object[] {
  const lines: object[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as object)
  logEvent(pino({ level: 'debug', base: null, timestamp: false }, { write }), subject, event)
  return lines
}

const debug = 20
const info = 30
const warn = 40
test.each<[ModuleEvent, object]>([
  [
    { kind: 'ImageAsked', image: 'i', by: 'registry', result: 'absent', seconds: 1 },
    { level: debug, msg: 'image asked for', image: 'i', by: 'registry', result: 'absent', seconds: 1 },
  ],
  [
    { kind: 'BuildCreated', stage: 'build', pod, image: 'i', attempt: 2, createdAt: '' },
    { level: info, msg: 'build started', pod: pod.name, image: 'i', attempt: 2 },
  ],
  [
    { ...ended, result: 'succeeded', seconds: 60 },
    { level: info, msg: 'build succeeded', pod: pod.name, image: 'i', seconds: 60 },
  ],
  [
    { ...ended, result: 'failed' },
    {
      level: warn,
      msg: 'build failed',
      pod: pod.name,
      image: 'i',
      reason: 'CompileFailed',
      message: 'no',
    },
  ],
  [
    { ...ended, result: 'interrupted', reason: 'Evicted' },
    {
      level: warn,
      msg: 'build interrupted',
      pod: pod.name,
      image: 'i',
      reason: 'Evicted',
      message: 'no',
    },
  ],
  [
    { kind: 'BuildStopped', stage: 'build', pod, why: 'superseded' },
    { level: info, msg: 'build superseded', pod: pod.name, reason: 'superseded' },
  ],
  [
    { kind: 'BuildStopped', stage: 'build', pod, why: 'notNeeded' },
    { level: info, msg: 'build cancelled', pod: pod.name, reason: 'notNeeded' },
  ],
  [
    { ...onNode, kind: 'NodeDone', action: 'Load' },
    { level: info, msg: 'module loaded', node: 'n1' },
  ],
  [
    { ...onNode, kind: 'NodeDone', action: 'Unload' },
    { level: info, msg: 'module unloaded', node: 'n1' },
  ],
  [
    { ...onNode, kind: 'NodeFailed', action: 'Load', reason: 'KeyRejected' },
    { level: warn, msg: 'load failed', node: 'n1', reason: 'KeyRejected', message: 'words' },
  ],
  [
    { ...onNode, kind: 'NodeFailed', action: 'Unload', reason: 'InUse' },
    { level: warn, msg: 'unload failed', node: 'n1', reason: 'InUse', message: 'words' },
  ],
  [
    { ...onNode, kind: 'LeftLoaded' },
    { level: warn, msg: 'module left loaded', node: 'n1', message: 'words' },
  ],
  [
    { kind: 'RebuildRefused', why: 'no.', activity: 'a' },
    { level: warn, msg: 'rebuild refused', reason: 'no.' },
  ],
  [
    { kind: 'Waits', reason: 'SecretMissing', message: 'no', activity: 'a' },
    { level: debug, msg: 'waits', reason: 'SecretMissing', message: 'no' },
  ],
  [
    { kind: 'Held', hold },
    { level: warn, msg: 'held', reason: 'CompileFailed', message: 'no' },
  ],
  [
    { kind: 'HoldReleased', hold: { ...hold, by: 'retry: x' }, activity: 'a' },
    { level: info, msg: 'hold released', reason: 'CompileFailed', by: 'retry: x' },
  ],
])('%o is one line with Module, kernel and run', (event, line) => {
  expect(linesOf(event)).toEqual([
    { module: 'ns/fpga', kernel: '6.1.0', workflowId: 'w', runId: 'r', ...line },
  ])
})
