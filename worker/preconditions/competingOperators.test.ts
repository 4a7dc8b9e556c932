import { beforeEach, describe, expect, test } from 'vitest'
import { KubeError } from '../../activities/kube/errors.ts'
import { type Competition, createCompetition, replicaIdentity } from './competingOperators.ts'
import { createSimulatedLeases, type SimulatedLeases } from './testing/simulatedLeases.ts'

const kmm = 'kmm-controller-0_5f1c9d3e-8f7b-4a51-9f2c-6a8f6f0d2b11'
const signal = new AbortController().signal
let leases: SimulatedLeases
let ours: Competition

function operatorIn(namespace: string, name = 'kmm.sigs.x-k8s.io'): Competition {
  return createCompetition({ kube: leases.kube, namespace, name, now: leases.now, wait: leases.wait })
}

beforeEach(() => {
  leases = createSimulatedLeases()
  ours = operatorIn('ours')
})

const other = { namespace: 'other', holder: 'operator-7', renewed: true, created: 10 }
const own = { namespace: 'ours', holder: 'ours-1', renewed: true, created: 20 }

describe('before an operator begins', () => {
  test('alone in the cluster, it begins at once, with one request', async () => {
    expect(await ours.check(signal)).toEqual({ kind: 'met' })
    leases.put(own)
    expect(await ours.check(signal)).toEqual({ kind: 'met' })
    expect(leases.lists()).toBe(2)
    expect(leases.now()).toBe(0)
  })

  test('a Lease that is renewed belongs to an operator that is in charge, whatever the age', async () => {
    for (const created of [10, 30]) {
      leases.put(own)
      leases.put({ ...other, created })
      const result = await ours.check(signal)
      expect(result).toMatchObject({ kind: 'unmet', reason: 'OtherOperatorInCharge' })
      expect(JSON.stringify(result)).toContain('operator-7')
      expect(JSON.stringify(result)).toContain('other/kmm.sigs.x-k8s.io')
    }
  })

  test('a Lease that was given up is nobody, at once; one that is not renewed is, when it has run out', async () => {
    leases.put({ ...other, holder: '', renewed: false })
    expect(await ours.check(signal)).toEqual({ kind: 'met' })
    expect(leases.now()).toBe(0)
    leases.put({ ...other, renewed: false })
    expect(await ours.check(signal)).toEqual({ kind: 'met' })
    expect(leases.now()).toBeGreaterThanOrEqual(15_000)
    const [lists, at] = [leases.lists(), leases.now()]
    expect(await ours.check(signal)).toEqual({ kind: 'met' })
    expect([leases.lists(), leases.now()]).toEqual([lists + 1, at])
  })

  test('an operator that ends is waited for: its next pod may be on its way', async () => {
    leases.put(other)
    expect(await ours.check(signal)).toMatchObject({ reason: 'OtherOperatorInCharge' })
    leases.put({ ...other, holder: '', renewed: false })
    expect(await ours.check(signal)).toMatchObject({ kind: 'unmet', reason: 'OtherOperatorAway' })
    await leases.wait(30_000, signal)
    leases.put({ ...other, holder: 'operator-8' })
    expect(await ours.check(signal)).toMatchObject({ reason: 'OtherOperatorInCharge' })
    leases.put({ ...other, holder: '', renewed: false })
    await leases.wait(61_000, signal)
    expect(await ours.check(signal)).toEqual({ kind: 'met' })
  })

  test('an operator whose Lease is deleted is gone', async () => {
    leases.put(other)
    expect(await ours.check(signal)).toMatchObject({ kind: 'unmet' })
    leases.remove('other')
    expect(await ours.check(signal)).toEqual({ kind: 'met' })
  })

  test('KMM in the same namespace, with the same Lease, is told from our own replicas by its identity', async () => {
    leases.put({ ...own, holder: kmm })
    const result = await ours.check(signal)
    expect(result).toMatchObject({ kind: 'unmet', reason: 'OtherOperatorInCharge' })
    expect(JSON.stringify(result)).toContain('of the form that KMM uses')
    expect(replicaIdentity('host_with_underscores', 1)).toBe('host-with-underscores-1')
  })

  test('with a Lease name of its own it still notices KMM, and an operator of the same name elsewhere', async () => {
    const renamed = operatorIn('ours', 'mine')
    leases.put({ ...own, name: 'mine' })
    expect(await renamed.check(signal)).toEqual({ kind: 'met' })
    leases.put({ ...own, holder: kmm })
    expect(await renamed.check(signal)).toMatchObject({ kind: 'unmet' })
    leases.remove('ours')
    await leases.wait(61_000, signal)
    leases.put({ ...other, name: 'mine' })
    expect(await renamed.check(signal)).toMatchObject({ kind: 'unmet' })
  })

  test('a Lease of a namespace without an account that could be an operator’s stops nobody', async () => {
    leases.disempower('other')
    leases.put(own)
    leases.put({ ...other, holder: kmm })
    expect(await ours.check(signal)).toEqual({ kind: 'met' })
    expect(await ours.recheck(signal)).toEqual({ kind: 'met', warnings: [] })
    expect(await ours.beforeLeading(signal)).toEqual({ kind: 'lead' })
    expect(leases.now()).toBe(0)
  })

  test('the identity of a holder is shown on one line, in part', async () => {
    leases.put({ ...other, holder: `a\nAPI server: ok\u001b[31m${'x'.repeat(100_000)}` })
    const result = await ours.check(signal)
    expect(result).toMatchObject({ kind: 'unmet', message: expect.not.stringMatching(/\p{Cc}/u) })
    expect(JSON.stringify(result).length).toBeLessThan(2_000)
  })

  test('without the right to look, it begins and says what it cannot notice', async () => {
    leases.fail(new KubeError({ code: 403, reason: 'Forbidden', message: 'no' }))
    for (const result of [await ours.check(signal), await ours.recheck(signal)])
      expect(result).toMatchObject({ kind: 'met', warnings: [{ reason: 'OtherOperatorsUnknown' }] })
    expect(await ours.beforeLeading(signal)).toEqual({ kind: 'lead' })
  })

  test('an API server that does not answer is an error', async () => {
    leases.fail(new KubeError({ reason: 'Unreachable', message: 'away' }))
    await expect(ours.check(signal)).rejects.toThrow('away')
  })
})

describe('two that are live at once', () => {
  test.each([
    ['the other is older', 10, 'unmet'],
    ['the other is younger', 30, 'met'],
    ['of the same second: the name of the namespace decides', 20, 'met'],
  ])('a running operator: %s', async (_what, created, kind) => {
    leases.put(own)
    leases.put({ ...other, created, namespace: 'yours' })
    const result = await ours.recheck(signal)
    expect(result.kind).toBe(kind)
    if (result.kind === 'met') expect(result.warnings).toMatchObject([{ reason: 'OtherOperatorYounger' }])
  })

  test('of two that have the Lease at the same moment exactly one leads', async () => {
    leases.put({ ...own, created: 10 })
    leases.put({ ...other, created: 10 })
    const theirs = operatorIn('other')
    const [younger, older] = await Promise.all([
      ours.beforeLeading(signal).then((verdict) => {
        // As the runner does: it stops, and gives its Lease up.
        leases.put({ ...own, created: 10, holder: '', renewed: false })
        return verdict
      }),
      theirs.beforeLeading(signal),
    ])
    expect(older).toEqual({ kind: 'lead' })
    expect(younger).toMatchObject({ kind: 'yield', fault: { reason: 'OtherOperatorInCharge' } })
  })

  test('the older one does not lead while the younger one is at work', async () => {
    leases.put(own)
    leases.put({ ...other, created: 30 })
    let led = false
    const asked = ours.beforeLeading(signal).then((verdict) => {
      led = true
      return verdict
    })
    while (leases.now() < 20_000) await new Promise((resolve) => setImmediate(resolve))
    expect(led).toBe(false)
    leases.put({ ...other, created: 30, holder: '', renewed: false })
    expect(await asked).toEqual({ kind: 'lead' })
    expect(leases.now()).toBeLessThan(90_000)
  })

  test('a younger one that never gives way, as KMM, does not keep the older one from leading for ever', async () => {
    leases.put(own)
    leases.put({ ...other, created: 30, holder: kmm })
    expect(await ours.beforeLeading(signal)).toEqual({ kind: 'lead' })
    expect(leases.now()).toBeGreaterThanOrEqual(90_000)
  })

  test('a leader whose Lease is in the hands of KMM gives way', async () => {
    leases.put({ ...own, holder: kmm })
    expect(await ours.recheck(signal)).toMatchObject({ kind: 'unmet' })
  })

  test('an API server that is away is asked again before leading', async () => {
    leases.fail(new KubeError({ reason: 'Unreachable', message: 'away' }))
    const asked = ours.beforeLeading(signal)
    while (leases.now() < 4_000) await new Promise((resolve) => setImmediate(resolve))
    leases.fail(undefined)
    expect(await asked).toEqual({ kind: 'lead' })
  })
})
