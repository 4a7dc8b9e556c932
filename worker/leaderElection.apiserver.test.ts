import { afterAll, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { createKube } from '../activities/kube/client.ts'
import type { Kube } from '../activities/kube/kube.ts'
import { leases } from '../activities/kube/resources.ts'
import { type ElectionTiming, runWhileLeader } from './leaderElection.ts'

let kube: Kube
let ref: { readonly namespace: string; readonly name: string }
let count = 0
const log = { info: vi.fn(), warn: vi.fn() }
/** Leaders of a slow machine still renew in time. */
const timing: ElectionTiming = { leaseMs: 6_000, renewDeadlineMs: 4_000, retryMs: 50 }

beforeAll(() => {
  kube = createKube(inject('kubeconfig'))
})
beforeEach(() => {
  ref = { namespace: 'default', name: `election-${process.pid}-${count++}` }
})
afterAll(async () => {
  await kube.close()
})

async function spec() {
  return (await kube.get(leases, ref))?.spec
}

/** A candidate whose `lead` lasts until its signal ends it. */
function candidate(identity: string, api: Pick<Kube, 'get' | 'create' | 'replace'> = kube) {
  const ending = new AbortController()
  const led: string[] = []
  const running = runWhileLeader(
    api,
    { ...ref, identity, log, signal: ending.signal, timing },
    async (signal) => {
      led.push('begin')
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      led.push('end')
    },
  )
  const stop = async () => {
    ending.abort()
    await running
  }
  return { led, running, stop }
}

describe('leader election', () => {
  test('one of two leads; the other follows at once when the first stops', async () => {
    const first = candidate('first')
    await expect.poll(() => first.led).toEqual(['begin'])
    const second = candidate('second')
    // Renewed for longer than it lasts, the Lease stays where it is.
    const { renewTime } = (await spec()) ?? {}
    await expect
      .poll(async () => Date.parse((await spec())?.renewTime ?? '') - Date.parse(renewTime ?? ''))
      .toBeGreaterThan(timing.leaseMs)
    expect(second.led).toEqual([])
    expect(await spec()).toMatchObject({
      holderIdentity: 'first',
      leaseTransitions: 0,
      leaseDurationSeconds: 6,
    })
    await first.stop()
    expect(first.led).toEqual(['begin', 'end'])
    await expect.poll(() => second.led).toEqual(['begin'])
    expect(await spec()).toMatchObject({ holderIdentity: 'second', leaseTransitions: 1 })
    await second.stop()
    expect(await spec()).toMatchObject({ holderIdentity: '' })
  })

  test('the Lease of a dead process is taken when it has run out', async () => {
    const dead = { holderIdentity: 'dead', leaseDurationSeconds: 1, renewTime: '2020-01-01T00:00:00.000000Z' }
    await kube.create(leases, { apiVersion: leases.apiVersion, kind: 'Lease', metadata: ref, spec: dead })
    const heir = candidate('heir')
    await expect.poll(() => heir.led).toEqual(['begin'])
    await heir.stop()
  })

  test('a leader that cannot renew gives up before another may lead, and leads again when it can', async () => {
    let broken = false
    const flaky: Pick<Kube, 'get' | 'create' | 'replace'> = {
      ...kube,
      replace: async (...args) => {
        if (broken) throw new Error('no connection')
        return await kube.replace(...args)
      },
    }
    const leader = candidate('leader', flaky)
    await expect.poll(() => leader.led).toEqual(['begin'])
    broken = true
    await expect.poll(() => leader.led).toEqual(['begin', 'end'])
    broken = false
    await expect.poll(() => leader.led).toEqual(['begin', 'end', 'begin'])
    await leader.stop()
  })

  test('a Lease taken by somebody else is lost at once, and not given up for them', async () => {
    const leader = candidate('leader')
    await expect.poll(() => leader.led).toEqual(['begin'])
    await kube.patch(leases, ref, { spec: { holderIdentity: 'thief', leaseDurationSeconds: 600 } })
    await expect.poll(() => leader.led).toEqual(['begin', 'end'])
    await leader.stop()
    expect(await spec()).toMatchObject({ holderIdentity: 'thief' })
  })

  test('a label put on the Lease does not end leadership', async () => {
    const leader = candidate('leader')
    await expect.poll(() => leader.led).toEqual(['begin'])
    const { renewTime } = (await spec()) ?? {}
    await kube.patch(leases, ref, { metadata: { labels: { looked: 'at' } } })
    await expect.poll(async () => (await spec())?.renewTime).not.toBe(renewTime)
    expect(leader.led).toEqual(['begin'])
    await leader.stop()
  })

  test('the end of the work ends the leadership; its error is passed on', async () => {
    const options = { ...ref, identity: 'worker', log, signal: new AbortController().signal, timing }
    await runWhileLeader(kube, options, async () => {})
    expect(await spec()).toMatchObject({ holderIdentity: '' })
    const failing = runWhileLeader(kube, options, async () => await Promise.reject(new Error('broken')))
    await expect(failing).rejects.toThrow('broken')
    expect(await spec()).toMatchObject({ holderIdentity: '' })
  })
})
