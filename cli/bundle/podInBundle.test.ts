import { expect, test } from 'vitest'
import { labels } from '../../api/names.ts'
import { podInBundle } from './podInBundle.ts'
import { leftOut } from '../../api/text/redact.ts'

const ended = (message: string) => ({ name: 'c', state: { terminated: { exitCode: 1, message } } })
const podOf = (its: Readonly<Record<string, string>>) => ({
  metadata: { name: 'p', uid: 'u', resourceVersion: '1', labels: its },
  status: {
    initContainerStatuses: [ended('s3cr3t one')],
    containerStatuses: [ended('s3cr3t two'), { name: 'd', state: { running: {} } }],
  },
})

test.each(['BuildImage', 'SignImage'])('what a command of a %s pod has left is left out', (type) => {
  const pod = podOf({ [labels.resourceType]: type })
  const shown = podInBundle(pod)
  expect(JSON.stringify(shown)).not.toContain('s3cr3t')
  expect(shown.status?.containerStatuses).toEqual([ended(leftOut), { name: 'd', state: { running: {} } }])
  expect(shown.metadata).toBe(pod.metadata)
})

test('what a loader says stays', () => {
  const pod = podOf({ [labels.workerAction]: 'Load' })
  expect(podInBundle(pod)).toBe(pod)
})
