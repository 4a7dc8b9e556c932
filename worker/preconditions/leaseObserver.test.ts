import { expect, test } from 'vitest'
import type { Lease } from '../../activities/kube/resources.ts'
import { createLeaseObserver } from './leaseObserver.ts'

function observing() {
  let at = 0
  const observe = createLeaseObserver(() => at)
  return (time: number, renewTime: string, holderIdentity = 'h', uid = 'u') => {
    at = time
    const lease: Lease = {
      metadata: { name: 'l', namespace: 'n', uid, resourceVersion: '1' },
      spec: { holderIdentity, renewTime, leaseDurationSeconds: 15 },
    }
    const [observed] = observe([lease])
    return [observed?.liveness, observed?.liveAgoMs]
  }
}

test('live once it changes within its duration, dead when it has not for so long', () => {
  const look = observing()
  expect(look(0, 'a')).toEqual(['unknown', undefined])
  expect(look(14_000, 'a')).toEqual(['unknown', undefined])
  expect(look(14_500, 'b')).toEqual(['live', 0])
  expect(look(20_000, 'b')).toEqual(['live', 5_500])
  expect(look(29_500, 'b')).toEqual(['dead', 15_000])
  expect(look(30_000, 'c')).toEqual(['live', 0])
})

test('a first look tells nothing, whatever the renewTime: clocks differ', () => {
  expect(observing()(0, '2999-01-01T00:00:00.000000Z')[0]).toBe('unknown')
  expect(observing()(0, '1999-01-01T00:00:00.000000Z')[0]).toBe('unknown')
})

test('a change between two looks that are far apart may be old', () => {
  const look = observing()
  look(0, 'a')
  expect(look(60_000, 'b')[0]).toBe('unknown')
  expect(look(62_000, 'c')[0]).toBe('live')
  look(120_000, 'd')
  expect(look(135_000, 'd')[0]).toBe('dead')
})

test('given up it is free; the same name made anew is another Lease', () => {
  const look = observing()
  look(0, 'a')
  look(2_000, 'b')
  expect(look(4_000, 'b', '')).toEqual(['free', 2_000])
  expect(look(6_000, 'c', 'other')[0]).toBe('unknown')
  expect(look(8_000, 'd', 'other')[0]).toBe('live')
  expect(look(9_000, 'e', 'other', 'another uid')).toEqual(['unknown', undefined])
})
