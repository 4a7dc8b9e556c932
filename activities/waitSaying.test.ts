import { expect, test } from 'vitest'
import type { PodFacts, PodState } from '../api/facts.ts'
import { testBuildPod } from '../api/testCluster.ts'
import type { Dependencies } from './dependencies.ts'
import { createWaiters } from './kube/waiters.ts'
import { waitSaying } from './waitSaying.ts'

const pending = (reason?: string): PodState => ({ kind: 'pending', ...(reason && { reason, message: 'm' }) })

/**
 * Waits for a pod to run. Each time something is said about it, the next of `states` comes true; the result is all
 * that was said.
 */
async function follow(states: readonly PodState[], patienceMs?: number) {
  const stopped = new AbortController()
  const waiters = createWaiters(stopped.signal, () => new Error('stopped'))
  const rest = [...states]
  const become = (state: PodState = { kind: 'running' }): PodFacts => testBuildPod({ state, nodeName: 'n1' })
  let pod = become(rest.shift())
  const cache = {
    waitForPod: async (_ref: object, predicate: (p: PodFacts) => boolean, signal: AbortSignal) =>
      await waiters.until(() => (predicate(pod) ? pod : undefined), signal),
  }
  const said: string[] = []
  const say = async (why: { reason: string; message: string } | undefined) => {
    said.push(why === undefined ? 'nothing' : `${why.reason}: ${why.message}`)
    pod = become(rest.shift())
    waiters.wake()
  }
  const ref = { namespace: 'drivers', name: 'p', uid: 'pod-1' }
  const deps = { cache } as unknown as Dependencies
  await waitSaying(deps, ref, (p) => p?.state.kind === 'running', say, stopped.signal, patienceMs)
  return said
}

test('each reason is said once, and that it is over', async () => {
  expect(await follow([pending('Unschedulable'), pending(), pending('ErrImagePull')])).toEqual([
    'Unschedulable: pod p: m',
    'nothing',
    'ImagePullBackOff: pod p: m',
  ])
})
test('images:BLD-14 Better: a pod that does not start and gives no reason is stuck after a while', async () => {
  expect(await follow([pending()], 1)).toEqual(['ContainerCreating: pod p: node n1 has not started it yet.'])
})
test('a pod that gives a reason is not stuck', async () => {
  expect(await follow([pending(), pending('ErrImagePull'), pending()], 1)).toEqual([
    'ContainerCreating: pod p: node n1 has not started it yet.',
    'ImagePullBackOff: pod p: m',
    'nothing',
  ])
})
test('a pod whose first containers are at work is not stuck, however long they take', async () => {
  const running = testBuildPod({ state: { kind: 'running' }, nodeName: 'n1' })
  const begun = testBuildPod({ state: { kind: 'pending', begun: true }, nodeName: 'n1' })
  let looks = 0
  const waitForPod = async (_ref: object, isNews: (p: PodFacts) => boolean, signal: AbortSignal) => {
    looks++
    if (looks === 1) await new Promise((_resolve, reject) => signal.addEventListener('abort', reject))
    expect(isNews(begun)).toBe(false)
    return running
  }
  const deps = { cache: { waitForPod } } as unknown as Dependencies
  const ref = { namespace: 'drivers', name: 'p', uid: 'pod-1' }
  const never = new AbortController().signal
  const done = (p: PodFacts | undefined) => p?.state.kind === 'running'
  expect(await waitSaying(deps, ref, done, async () => expect.fail('nothing is to be said'), never, 1)).toBe(
    running,
  )
  expect(looks).toBe(2)
})
