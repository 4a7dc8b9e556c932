import { expect, test } from 'vitest'
import { withFix } from './waitingFix.ts'

test.each([
  [
    'Unschedulable',
    'pod p: 0/3 nodes are available',
    'available. A node must have the labels of build.selector',
  ],
  ['ImagePullBackOff', 'pod p: Back-off pulling image.', 'image. The image is that of the build executor'],
  ['InvalidImageName', 'pod p: no', 'no. The image is that of the build executor'],
  ['CreateContainerConfigError', 'pod p: no', 'no. kubectl describe pod'],
])('%s says what helps', (reason, message, expected) => {
  const why = withFix({ reason, message })
  expect(why.reason).toBe(reason)
  expect(why.message).toContain(expected)
})
test('of a pod that signs, another image may be meant', () => {
  const { message } = withFix({ reason: 'ImagePullBackOff', message: 'pod p: no' }, 'sign')
  expect(message).toContain('The image is the one to be signed')
})
test('what is not known is said as it is', () => {
  const why = { reason: 'SchedulingGated', message: 'pod p: gated' }
  expect(withFix(why)).toBe(why)
})
