import { describe, expect, test } from 'vitest'
import type { KernelView } from '../../api/kernelView.ts'
import type { KernelStatus } from '../../api/module.ts'
import { decideKernel } from './decide.ts'
import { describeEntry } from './describe.ts'
import { describeDetails } from './details.ts'
import type { KernelMemory, Step } from './plan.ts'
import {
  absent,
  fresh,
  interruptedEntry,
  testBuildFailure,
  testHash,
  testInterruption,
  testPod,
  testRun,
  testView,
} from './testView.ts'

const plan = (change: Partial<KernelView>, memory: KernelMemory = absent) =>
  decideKernel(testView(change), memory)
const kinds = (steps: readonly Step[]) => steps.map(({ kind }) => kind)
/** What is said, and what is decided when that is read again by a run that remembers nothing else. */
function said(change: Partial<KernelView>, memory: KernelMemory = absent) {
  const view = testView(change)
  const entry = describeEntry(testRun, view, memory, decideKernel(view, memory))
  const again = (more: Partial<KernelView> = {}) =>
    decideKernel(testView({ ...change, ...(entry && { stored: entry }), ...more }), absent)
  return { entry, again }
}
const evicted = testPod({ state: 'failed' })
const interruptionKey = (attempt: number) => `interrupted:${testHash}:${attempt}`

describe('a build that the cluster ended', () => {
  test('is written down, then made again after a pause', () => {
    const memory = { ...absent, interruption: testInterruption() }
    expect(plan({ pods: [evicted] }, memory).steps).toEqual([
      {
        kind: 'pause',
        key: interruptionKey(1),
        rerun: 1,
        since: '2026-01-01T00:00:01Z',
        reason: 'Evicted',
      },
    ])
    const { entry } = said({ pods: [evicted] }, memory)
    expect(entry).toMatchObject({
      phase: 'Building',
      reason: 'Evicted',
      message: 'low on memory. It is made again after a pause, for the 1. time of 3.',
      attempt: 1,
      buildPod: evicted.name,
      interruptions: [{ attempt: 1, reason: 'Evicted', message: 'low on memory.' }],
    })
  })

  test('after the pause its pod goes, then the next attempt is made', () => {
    const stored = interruptedEntry(1)
    const memory = { ...absent, released: [interruptionKey(1)] }
    expect(kinds(plan({ stored, pods: [evicted] }, memory).steps)).toEqual(['remove'])
    expect(plan({ stored }, memory).steps).toMatchObject([{ kind: 'build', attempt: 2 }])
    const { entry } = said({ stored }, memory)
    expect(entry).toMatchObject({ attempt: 2, interruptions: [{ attempt: 1 }] })
    expect(entry).not.toHaveProperty('reason')
  })

  test('is counted over runs: status is enough', () => {
    const memory = { ...absent, interruption: testInterruption(3) }
    const pods = [testPod({ attempt: 3, state: 'failed' })]
    const { entry, again } = said({ stored: interruptedEntry(2, { attempt: 3 }), pods }, memory)
    expect(entry?.interruptions?.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(again().steps).toMatchObject([{ kind: 'pause', rerun: 3, since: '2026-01-01T00:00:03Z' }])
  })

  test('is counted once, however often it is noticed', () => {
    const memory = { ...absent, interruption: testInterruption(1) }
    expect(said({ stored: interruptedEntry(1) }, memory).entry?.interruptions).toHaveLength(1)
  })

  test('is not waited for where it is lost with its node', () => {
    const pods = [testPod({ state: 'lost' })]
    const memory = { ...absent, interruption: testInterruption(1, 'NodeLost') }
    const { entry, again } = said({ pods }, memory)
    expect(entry).not.toHaveProperty('buildPod')
    expect(kinds(again().steps)).toEqual(['pause'])
    const stored = interruptedEntry(1)
    const released = { ...absent, released: [interruptionKey(1)] }
    expect(plan({ stored, pods }, released).steps).toMatchObject([{ kind: 'build', attempt: 2 }])
    const next = testPod({ uid: 'pod-2', name: 'fpga-build-aaaaaaaa-2', attempt: 2 })
    expect(plan({ stored: { ...stored, attempt: 2 }, pods: [...pods, next] }).steps).toMatchObject([
      { kind: 'follow', pod: { attempt: 2 } },
    ])
  })

  test('a lost pod that nobody has looked at is followed: it tells why', () => {
    expect(kinds(plan({ pods: [testPod({ state: 'lost' })] }).steps)).toEqual(['follow'])
  })

  test('counts for its inputs only', () => {
    const stored = interruptedEntry(3, { inputHash: 'b' })
    expect(plan({ stored }).steps).toMatchObject([{ kind: 'build', attempt: 1 }])
    expect(said({ stored }).entry).not.toHaveProperty('interruptions')
  })

  test('counts no more after a failure of its own', () => {
    const failure = { ...testBuildFailure, attempt: 2, podUid: 'pod-2', pod: 'p-2' }
    const pods = [testPod({ uid: 'pod-2', name: 'p-2', attempt: 2, state: 'failed' })]
    const { entry } = said({ stored: interruptedEntry(1, { attempt: 2 }), pods }, { ...absent, failure })
    expect(entry).toMatchObject({ phase: 'BuildFailed', reason: 'BuildCommandFailed', attempt: 2 })
    expect(entry).not.toHaveProperty('interruptions')
  })

  test('counts no more once the image is there', () => {
    const view = { stored: interruptedEntry(2, { attempt: 3, buildNode: { name: 'n1', uid: 'u' } }) }
    const { entry } = said({ ...view, digest: 'sha256:1' })
    expect(entry).not.toHaveProperty('interruptions')
    expect(entry).not.toHaveProperty('buildNode')
  })
})

describe('a build that the cluster ended four times', () => {
  const pod = testPod({ attempt: 4, name: 'fpga-build-aaaaaaaa-4', state: 'failed' })
  const stored = interruptedEntry(4, { phase: 'BuildFailed' })
  const { buildPod: _pod, ...podless } = stored

  test('is held with its reason', () => {
    const { steps, holds } = plan({ stored, pods: [pod] })
    expect(steps).toEqual([])
    expect(holds).toMatchObject([
      { reason: 'Evicted', releases: [interruptionKey(4)], look: { kind: 'image', pod: { uid: pod.uid } } },
    ])
    expect(holds[0]?.message).toBe('The cluster ended the build 4 times, the last time so: low on memory.')
    expect(holds[0]?.unblock).toContain('delete the pod')
  })

  test('is held without its pod too, when the cluster took that away', () => {
    const memory = { ...absent, interruption: testInterruption(4) }
    const { entry, again } = said({ stored: interruptedEntry(3, { attempt: 4 }) }, memory)
    expect(entry).not.toHaveProperty('buildPod')
    expect(again().holds).toMatchObject([{ reason: 'Evicted' }])
    expect(again().holds[0]?.unblock).not.toContain('delete the pod')
    expect(plan({ stored: podless, lostNode: 'n1' }).holds).toHaveLength(1)
  })

  test('is held on when its pod goes a moment later, as one does that was evicted through the API', () => {
    const memory = { ...absent, interruption: testInterruption(4) }
    const pods = [{ ...pod, state: 'lost' } as const]
    const { entry, again } = said({ stored: interruptedEntry(3, { attempt: 4 }), pods }, memory)
    expect(entry).toMatchObject({ phase: 'BuildFailed', reason: 'Evicted' })
    for (const left of [pods, []]) {
      expect(again({ pods: left })).toMatchObject({ steps: [], holds: [{ reason: 'Evicted' }] })
    }
  })

  test('a pod that vanishes with its Node keeps the hold, one deleted by hand ends it', () => {
    expect(plan({ stored, lostNode: 'n1' }).holds).toMatchObject([{ reason: 'Evicted' }])
    expect(plan({ stored }).steps).toMatchObject([{ kind: 'build', attempt: 5 }])
  })

  test('begins to count anew when a person has it built again', () => {
    const memory = { ...absent, released: [interruptionKey(4)] }
    expect(kinds(plan({ stored, pods: [pod] }, memory).steps)).toEqual(['remove'])
    const { entry } = said({ stored: podless }, memory)
    expect(entry).toMatchObject({ phase: 'Building', attempt: 5 })
    expect(entry).not.toHaveProperty('interruptions')
    expect(said({ stored }, { ...fresh }).entry).not.toHaveProperty('interruptions')
  })

  test('the page of the run names every attempt', () => {
    const view = testView({ stored, pods: [pod] })
    const decided = decideKernel(view, absent)
    const page = describeDetails(testRun, view, describeEntry(testRun, view, absent, decided), decided)
    expect(page).toContain('- **Ended by the cluster**: attempt 1 (Evicted), attempt 2 (Evicted)')
  })
})

describe('a failed pod that is gone', () => {
  const node = { name: 'n1', uid: 'node-1' }
  const secrets = { token: 'uid-1/7' }
  const failure = { ...testBuildFailure, node, secrets }
  const { entry: stored } = said({ pods: [evicted] }, { ...absent, failure })

  test('its node and the versions of its Secrets are written down with the failure', () => {
    expect(stored).toMatchObject({ phase: 'BuildFailed', buildNode: node, buildPod: failure.pod })
    expect(stored).toMatchObject({ buildSecrets: secrets })
  })
  test('deleted by hand: the build is made again', () => {
    expect(plan({ stored: stored! }).steps).toMatchObject([{ kind: 'build', attempt: 2 }])
  })
  test('with its Node: the hold stays, says why, and says so again', () => {
    const { entry, again } = said({ stored: stored!, lostNode: 'n1' })
    expect(entry).toMatchObject({ phase: 'BuildFailed', reason: 'BuildCommandFailed', buildNode: node })
    expect(entry?.message).toMatch(/^A command failed. Its pod has vanished with node n1: mend the cause/)
    expect(again().holds[0]?.message).toBe('A command failed.')
    const twice = said({ stored: entry as KernelStatus, lostNode: 'n1' })
    expect(twice.entry).toEqual(entry)
  })
  test('its Secrets are looked at with it and without it, by this run and by the next', () => {
    const look = { kind: 'image', secrets }
    const held = (change: Partial<KernelView>, memory?: KernelMemory) => plan(change, memory).holds
    const { buildSecrets: _versions, ...before } = stored!
    expect(held({ stored: before, pods: [evicted] }, { ...absent, failure })).toMatchObject([{ look }])
    expect(held({ stored: stored!, pods: [evicted] })).toMatchObject([{ look: { ...look, pod: {} } }])
    expect(held({ stored: stored!, lostNode: 'n1' })).toMatchObject([{ look }])
    const { entry } = said({ stored: stored!, lostNode: 'n1' })
    expect(entry).toMatchObject({ buildSecrets: secrets })
    expect(said({ stored: stored!, digest: 'sha256:1' }).entry).not.toHaveProperty('buildSecrets')
  })
  test('a retry releases that hold, as do other inputs', () => {
    const memory = { ...absent, released: plan({ stored: stored!, lostNode: 'n1' }).holds[0]?.releases ?? [] }
    expect(plan({ stored: stored!, lostNode: 'n1' }, memory).steps).toMatchObject([
      { kind: 'build', attempt: 2 },
    ])
    const other = { ...stored!, inputHash: 'b' }
    expect(kinds(plan({ stored: other, lostNode: 'n1' }).steps)).toEqual(['build'])
  })
  test('as long as it is there it is held as ever', () => {
    const { holds } = plan({ stored: stored!, lostNode: 'n1', pods: [evicted] })
    expect(holds).toMatchObject([{ message: 'A command failed.', look: { pod: { uid: evicted.uid } } }])
  })
})

test('a lost pod of other inputs is not waited for', () => {
  expect(kinds(plan({ pods: [testPod({ inputHash: 'b', state: 'lost' })] }).steps)).toEqual(['build'])
})
