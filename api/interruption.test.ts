import { describe, expect, test } from 'vitest'
import type { PodObject } from './kubernetesObjects.ts'
import { interruptionOf } from './interruption.ts'

const metadata = { name: 'x', namespace: 'drivers', uid: 'u', resourceVersion: '7' }
const of = (status: object) => interruptionOf({ metadata, status } as PodObject)
const at = (seconds: number) => `2026-01-01T00:00:0${seconds}Z`
const ended = (terminated: object) => ({ containerStatuses: [{ name: 'kaniko', state: { terminated } }] })
const target = (reason: string, lastTransitionTime = at(5)) => ({
  conditions: [
    { type: 'Ready', status: 'False', reason: 'PodFailed' },
    { type: 'DisruptionTarget', status: 'True', reason, message: `by ${reason}`, lastTransitionTime },
  ],
})
const killed = ended({ exitCode: 137, reason: 'Error', finishedAt: at(6) })

describe('what the cluster ended', () => {
  test.each<[string, object, string, string]>([
    [
      'evicted by the kubelet',
      {
        phase: 'Failed',
        reason: 'Evicted',
        message: 'The node was low on resource: memory.',
        ...target('TerminationByKubelet'),
        ...killed,
      },
      'Evicted',
      'The node was low on resource: memory.',
    ],
    [
      'evicted by a kubelet without the condition',
      { phase: 'Failed', reason: 'Evicted' },
      'Evicted',
      'The pod was evicted.',
    ],
    [
      'drained, still running',
      { phase: 'Running', ...target('EvictionByEvictionAPI') },
      'Evicted',
      'by EvictionByEvictionAPI',
    ],
    [
      'drained; kaniko took the signal itself',
      {
        phase: 'Failed',
        ...target('EvictionByEvictionAPI'),
        ...ended({ exitCode: 2, reason: 'Error', finishedAt: at(5) }),
      },
      'Evicted',
      'by EvictionByEvictionAPI',
    ],
    [
      'a taint',
      { phase: 'Running', ...target('DeletionByTaintManager') },
      'Evicted',
      'by DeletionByTaintManager',
    ],
    [
      'a condition of tomorrow',
      { phase: 'Running', ...target('DeletionByTomorrow') },
      'Evicted',
      'by DeletionByTomorrow',
    ],
    [
      'preempted by the scheduler',
      { phase: 'Pending', ...target('PreemptionByScheduler') },
      'Preempted',
      'by PreemptionByScheduler',
    ],
    [
      'preempted by the kubelet',
      {
        phase: 'Failed',
        reason: 'Preempting',
        message: 'Preempted in order to admit critical pod',
        ...target('TerminationByKubelet'),
      },
      'Preempted',
      'Preempted in order to admit critical pod',
    ],
    ['its Node is gone', { phase: 'Failed', ...target('DeletionByPodGC') }, 'NodeLost', 'by DeletionByPodGC'],
    [
      'its node does not answer',
      { phase: 'Running', reason: 'NodeLost', message: 'Node n1 which was running pod x is unresponsive' },
      'NodeLost',
      'Node n1 which was running pod x is unresponsive',
    ],
    [
      'a graceful shutdown',
      {
        phase: 'Failed',
        reason: 'Terminated',
        message: 'Pod was terminated in response to imminent node shutdown.',
        ...target('TerminationByKubelet'),
        ...killed,
      },
      'NodeShutdown',
      'Pod was terminated in response to imminent node shutdown.',
    ],
    [
      'a node that is shutting down',
      { phase: 'Failed', reason: 'NodeShutdown' },
      'NodeShutdown',
      'The node was shut down.',
    ],
    [
      'no room',
      { phase: 'Failed', reason: 'OutOfcpu', message: 'Pod was rejected: no cpu' },
      'RejectedByNode',
      'Pod was rejected: no cpu',
    ],
    [
      'not admitted',
      { phase: 'Failed', reason: 'UnexpectedAdmissionError' },
      'RejectedByNode',
      'The node refused the pod.',
    ],
    [
      'a reboot, as the kubelet sees it',
      { phase: 'Failed', ...ended({ exitCode: 137, reason: 'ContainerStatusUnknown' }) },
      'NodeLost',
      'The node lost the pod.',
    ],
    [
      'a reboot while an init container runs',
      {
        phase: 'Failed',
        initContainerStatuses: [
          { name: 'signer', state: { terminated: { exitCode: 255, reason: 'Unknown' } } },
        ],
      },
      'NodeLost',
      'The node lost the pod.',
    ],
    [
      'a reboot, as containerd sees it',
      { phase: 'Failed', ...ended({ exitCode: 255, reason: 'Unknown' }) },
      'NodeLost',
      'The node lost the pod.',
    ],
  ])('%s', (_name, status, reason, message) => {
    expect(of(status)).toEqual({ reason, message })
  })
})

test.each<[string, object]>([
  ['a failed build', { phase: 'Failed', ...ended({ exitCode: 1, reason: 'Error', finishedAt: at(1) }) }],
  ['out of memory', { phase: 'Failed', ...ended({ exitCode: 137, reason: 'OOMKilled' }) }],
  ['the deadline', { phase: 'Failed', reason: 'DeadlineExceeded' }],
  ...[
    'Usage of EmptyDir volume "context" exceeds the limit "50Gi". ',
    'Container kaniko exceeded its local ephemeral storage limit "50Gi". ',
    'Pod ephemeral local storage usage exceeds the total limit of containers 50Gi. ',
  ].map((message): [string, object] => [
    message,
    { phase: 'Failed', reason: 'Evicted', message, ...target('TerminationByKubelet') },
  ]),
  ['a build that runs', { phase: 'Running' }],
  ['one that waits', { phase: 'Pending' }],
  ['nothing said yet', {}],
  [
    'a build that failed before its node was drained',
    {
      phase: 'Failed',
      ...target('EvictionByEvictionAPI'),
      ...ended({ exitCode: 1, reason: 'Error', finishedAt: at(4) }),
    },
  ],
  [
    'a build that was done before its node was drained',
    { phase: 'Succeeded', ...target('EvictionByEvictionAPI') },
  ],
  [
    'a disruption that was called off',
    { phase: 'Running', conditions: [{ type: 'DisruptionTarget', status: 'False' }] },
  ],
])('none of it: %s', (_name, status) => {
  expect(of(status)).toBeUndefined()
})

test('the message is cut: it goes into status', () => {
  expect(of({ phase: 'Failed', reason: 'Evicted', message: 'x'.repeat(1000) })?.message).toHaveLength(300)
})

test('what a container wrote is never repeated', () => {
  const status = {
    phase: 'Failed',
    reason: 'Evicted',
    ...ended({ exitCode: 1, message: 's3cr3t', finishedAt: at(6) }),
  }
  expect(JSON.stringify(of(status))).not.toContain('s3cr3t')
})
