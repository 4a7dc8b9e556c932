import { describe, expect, test } from 'vitest'
import type { PodObject } from './kubernetesObjects.ts'
import { annotations, labels } from './names.ts'
import { podFacts } from './objectFacts.ts'
import { boundedPod } from './podSchema.ts'

const metadata = { name: 'x', namespace: 'drivers', uid: 'u', resourceVersion: '7' }
const pod = (change: object) => podFacts({ metadata, ...change } as unknown as PodObject)
const labelled = (label: string, value: string) =>
  pod({ metadata: { ...metadata, labels: { [label]: value } } }).labels[label]
const annotated = (annotation: string, value: string) =>
  pod({ metadata: { ...metadata, annotations: { [annotation]: value } } }).annotations[annotation]

describe('labels and annotations count only in their form', () => {
  test.each([
    [labels.attempt, '3'],
    [labels.inputHash, 'abcdef0123456789'],
    [labels.configHash, '0123456789abcdef'],
    [labels.workerAction, 'Unload'],
    [labels.resourceType, 'SignImage'],
    [labels.moduleUid, '1f6e0e9a-4d5e-4b1e-9b1c-6a4c1f1d2e3f'],
  ])('%s: %s', (label, value) => {
    expect(labelled(label, value)).toBe(value)
  })
  test.each([
    [labels.attempt, 'Infinity'],
    [labels.attempt, 'NaN'],
    [labels.attempt, '0'],
    [labels.attempt, '-1'],
    [labels.attempt, '1e9'],
    [labels.attempt, '1.5'],
    [labels.attempt, '0x10'],
    [labels.attempt, '9999999'],
    [labels.inputHash, 'x'],
    [labels.configHash, 'not-hex'],
    [labels.workerAction, 'Destroy'],
    [labels.resourceType, 'Image'],
  ])('not %s: %s', (label, value) => {
    expect(labelled(label, value)).toBeUndefined()
  })
  test.each([
    [annotations.kernel, '6.1.0-1+rt~x_y.el9'],
    [annotations.image, 'reg.example:5000/a/b:1@sha256:1'],
    [annotations.secretVersions, '{"token":"uid-1/7"}'],
    [annotations.secretVersions, '{}'],
    [annotations.workerHash, 'abc123'],
  ])('%s: %s', (annotation, value) => {
    expect(annotated(annotation, value)).toBe(value)
  })
  test.each([
    [annotations.kernel, "6.1'; rm -rf /"],
    [annotations.kernel, 'k'.repeat(65)],
    [annotations.image, 'reg.example/a b'],
    [annotations.image, `reg.example/a${'\u001b'}[2J`],
    [annotations.image, 'i'.repeat(1025)],
    [annotations.secretVersions, 'not JSON'],
    [annotations.secretVersions, '["u/1"]'],
    [annotations.secretVersions, '{"token":1}'],
    [annotations.workerConfig, 'c'.repeat(262_145)],
  ])('not %s: %s', (annotation, value) => {
    expect(annotated(annotation, value)).toBeUndefined()
  })
})

describe('what runs in a pod', () => {
  const ended = (terminated: object, name = 'worker') => ({
    metadata: { ...metadata, labels: { [labels.workerAction]: 'Load' } },
    status: { phase: 'Failed', containerStatuses: [{ name, state: { terminated } }] },
  })
  test('writes no longer message than a kubelet keeps', () => {
    const { state } = pod(ended({ exitCode: 1, message: 'm'.repeat(1_000_000) }))
    expect(state).toMatchObject({ kind: 'failed', message: 'm'.repeat(4096) })
  })
  test.each([
    { exitCode: 1e300, message: 'x' },
    { exitCode: 1.5, message: 'x' },
    { exitCode: '1', message: 'x' },
  ])('ends with an integer, or with nothing that counts: %j', (terminated) => {
    expect(pod(ended(terminated)).state).not.toHaveProperty('exitCode')
    expect(pod(ended(terminated)).state).toMatchObject({ message: '' })
  })
  test('has its reasons in one word', () => {
    expect(pod(ended({ exitCode: 1, reason: 'Error' })).state).toMatchObject({ reason: 'Error' })
    expect(pod(ended({ exitCode: 1, reason: 'a\u001b]0;b' })).state).not.toHaveProperty('reason')
  })
  test('ends at a time that is one', () => {
    const end = { exitCode: 1, finishedAt: 'soon' }
    const created = { ...metadata, creationTimestamp: '2026-01-01T00:00:00Z' }
    expect(pod({ ...ended(end), metadata: created }).state).toMatchObject({
      finishedAt: '2026-01-01T00:00:00Z',
    })
  })
  test('speaks for the pod only out of its own container', () => {
    const lie = { name: 'sidecar', state: { terminated: { exitCode: 0, message: 'lie' } } }
    const truth = { name: 'worker', state: { terminated: { exitCode: 0, message: 'truth' } } }
    const status = { phase: 'Succeeded', containerStatuses: [lie, truth] }
    const of = (its: object) => pod({ metadata: { ...metadata, labels: its }, status }).state
    expect(of({ [labels.workerAction]: 'Load' })).toMatchObject({ message: 'truth' })
    expect(of({ [labels.resourceType]: 'BuildImage' })).toMatchObject({ message: '' })
  })
})

test('only a pod that runs the loader with the right to load modules is one that can', () => {
  const securityContext = { capabilities: { add: ['SYS_MODULE'] } }
  const worker = { name: 'worker', args: ['loader'], securityContext }
  const runsLoader = (...containers: object[]) => pod({ spec: { containers } }).runsLoader
  expect(runsLoader(worker)).toBe(true)
  expect(runsLoader({ name: 'mesh-proxy' }, worker)).toBe(true)
  expect(runsLoader({ ...worker, name: 'loader' })).toBeUndefined()
  expect(runsLoader({ ...worker, securityContext: {} })).toBeUndefined()
  expect(runsLoader({ ...worker, command: ['/bin/sh'] })).toBeUndefined()
  expect(runsLoader({ ...worker, args: ['loader', '/tmp/other'] })).toBeUndefined()
  expect(runsLoader()).toBeUndefined()
})

test('nothing else of a pod is kept, whatever its size', () => {
  const junk = 'j'.repeat(500_000)
  const many = Array.from({ length: 10_000 }, (_, at) => ({ name: `c${at}`, junk }))
  const huge = {
    metadata: { ...metadata, annotations: { other: junk }, labels: { other: junk }, junk },
    spec: { nodeName: 'n1', containers: many, junk },
    status: {
      phase: 'Running',
      containerStatuses: many,
      initContainerStatuses: many,
      conditions: many,
      junk,
    },
  } as unknown as PodObject
  expect(JSON.stringify(boundedPod(huge)).length).toBeLessThan(5_000)
})
