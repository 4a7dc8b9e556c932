import { afterAll, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { createKube } from '../../activities/kube/client.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import { leases, namespaces } from '../../activities/kube/resources.ts'
import { runWhileLeader } from '../leaderElection.ts'
import { type Competition, createCompetition } from './competingOperators.ts'
import { PreconditionRunner } from './preconditionRunner.ts'
import { grantOperators } from './testing/grantOperators.ts'

const log = { info: vi.fn(), warn: vi.fn() }
let kube: Kube

beforeAll(async () => {
  kube = createKube(inject('kubeconfig'))
  await grantOperators(kube, 'competing-operators', ['operator-a', 'operator-b'])
})
afterAll(async () => {
  await kube.close()
})

describe('two operators', () => {
  const timing = { observeMs: 100, graceMs: 0, patienceMs: 60_000 }
  const election = { leaseMs: 5_000, renewDeadlineMs: 4_000, retryMs: 100 }
  let name: string
  let count = 0
  beforeEach(async () => {
    name = `competition-${process.pid}-${count++}`
    for (const namespace of ['a-tenant', 'operator-a', 'operator-b'])
      await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  })

  /** The preconditions, election and lead of an operator, as worker/operator.ts puts them together. */
  function operator(namespace: string) {
    const ending = new AbortController()
    const competition: Competition = createCompetition({ kube, namespace, name, timing })
    const reported: string[] = []
    const state = { working: false, leading: false }
    const runner = new PreconditionRunner({
      preconditions: [competition],
      log,
      signal: ending.signal,
      report: ({ reason }) => void reported.push(reason),
      timing: { firstRetryMs: 100, longestRetryMs: 200, firstRecheckMs: 200, recheckMs: 200 },
    })
    const running = runner.run(async (term) => {
      state.working = true
      const options = { namespace, name, identity: namespace, log, signal: term.signal, timing: election }
      try {
        await runWhileLeader(kube, options, async (leading) => {
          const verdict = await competition.beforeLeading(leading).catch(() => undefined)
          if (verdict?.kind === 'yield') term.end(competition, verdict.fault)
          if (verdict?.kind !== 'lead') return
          state.leading = true
          await new Promise((resolve) => leading.addEventListener('abort', resolve))
          state.leading = false
        })
      } finally {
        state.working = false
      }
    })
    const stop = async () => {
      ending.abort()
      await running
    }
    return { state, reported, runner, stop }
  }

  test('the one that came later does nothing, and takes over when the other has ended', async () => {
    for (const [early, late] of [
      ['operator-a', 'operator-b'],
      ['operator-b', 'operator-a'],
    ] as const) {
      const first = operator(early)
      await expect.poll(() => first.state.leading).toBe(true)
      const second = operator(late)
      await expect.poll(() => second.reported).toEqual(['OtherOperatorInCharge'])
      expect(second.runner.readiness()).toContain(`"${early}" holds Lease ${early}/${name}`)
      expect(second.state).toEqual({ working: false, leading: false })
      await first.stop()
      await expect.poll(() => second.state.leading).toBe(true)
      await second.stop()
    }
  })

  test('of two that start at the same moment exactly one ends up leading', async () => {
    const both = [operator('operator-a'), operator('operator-b')]
    await expect.poll(() => both.filter(({ state }) => state.leading).length).toBe(1)
    await expect.poll(() => both.filter(({ state }) => state.working).length).toBe(1)
    expect(both.every(({ state }) => state.working === state.leading)).toBe(true)
    await Promise.all(both.map(({ stop }) => stop()))
  })

  test('a leader gives way to an older Lease that is renewed again, as of KMM after a pause', async () => {
    const metadata = { namespace: 'operator-a', name }
    const body = { apiVersion: leases.apiVersion, kind: leases.kind, metadata }
    await kube.create(leases, { ...body, spec: { holderIdentity: '', leaseDurationSeconds: 15 } })
    const younger = operator('operator-b')
    await expect.poll(() => younger.state.leading).toBe(true)
    const renewing = setInterval(() => {
      const renewTime = new Date().toISOString().replace('Z', '000Z')
      void kube.patch(leases, metadata, { spec: { holderIdentity: 'kmm_0b7c', renewTime } })
    }, 100)
    try {
      await expect.poll(() => younger.state.working).toBe(false)
      expect(younger.reported).toEqual(['OtherOperatorInCharge'])
    } finally {
      clearInterval(renewing)
    }
    await kube.patch(leases, metadata, { spec: { holderIdentity: '' } })
    await expect.poll(() => younger.state.leading).toBe(true)
    await younger.stop()
  })

  test('an older Lease that a tenant renews in its own namespace keeps nobody from leading', async () => {
    const metadata = { namespace: 'a-tenant', name }
    const spec = (holderIdentity: string) => ({
      holderIdentity,
      leaseDurationSeconds: 15,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    })
    const body = { apiVersion: leases.apiVersion, kind: leases.kind, metadata }
    await kube.create(leases, { ...body, spec: spec('kmm_0b7c') })
    let renewals = 0
    const renewing = setInterval(() => {
      void kube.patch(leases, metadata, { spec: spec('kmm_0b7c') }).then(() => renewals++)
    }, 100)
    const ours = operator('operator-b')
    try {
      await expect.poll(() => ours.state.leading).toBe(true)
      // Long enough for a recheck to have observed it.
      const before = renewals
      await expect.poll(() => renewals).toBeGreaterThan(before + 10)
      expect(ours.state.leading).toBe(true)
      expect(ours.reported).toEqual([])
    } finally {
      clearInterval(renewing)
      await ours.stop()
    }
  })
})
