import { ApplicationFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { KernelStatus } from '../api/module.ts'
import { guardedModule, testCluster, testKernel, testRef } from '../api/testCluster.ts'
import type { Dependencies } from './dependencies.ts'
import { KubeError } from './kube/errors.ts'
import type { Kube, Written } from './kube/kube.ts'
import type { CustomObject } from './kube/resources.ts'
import { applyKernelStatus, moduleOf, waitBecause } from './status.ts'

const subject = { ref: testRef, uid: 'uid-1', kernel: testKernel }
const entry: KernelStatus = { kernel: testKernel, phase: 'Building', attempt: 1 }
const other: KernelStatus = { kernel: '5.10.0', phase: 'Loaded', attempt: 9 }

const written = { metadata: { name: 'fpga', uid: 'uid-1', resourceVersion: '42' } }
/** The API server: says what it was asked for. */
const applyObject = vi.fn<(...request: Parameters<Kube['applyObject']>) => Promise<Written<CustomObject>>>()
beforeEach(() => void applyObject.mockReset().mockResolvedValue({ kind: 'written', object: written }))

/** Reasons of Events. */
const said: string[] = []
beforeEach(() => void said.splice(0))
const inActivity = async <T>(work: () => Promise<T>) => await new MockActivityEnvironment().run(work)

function deps(kernels?: KernelStatus[]): Dependencies {
  const modules = kernels === undefined ? [] : [guardedModule({}, { status: { kernels } })]
  const events = { record: async (_about: object, { reason }: { reason: string }) => void said.push(reason) }
  const cache = testCluster({ modules })
  return { kube: { applyObject }, cache, events, observe: () => undefined } as unknown as Dependencies
}
const body = () => applyObject.mock.lastCall?.[0]
const failureOf = async (work: Promise<unknown>): Promise<ApplicationFailure> => {
  const error: unknown = await work.catch((thrown: unknown) => thrown)
  if (error instanceof ApplicationFailure) return error
  throw new Error(`no failure but ${String(error)}`)
}

describe('moduleOf', () => {
  test('the Module of this uid', () => {
    expect(moduleOf(deps([]), subject).metadata.uid).toBe('uid-1')
  })
  test.each<[string, Dependencies, string]>([
    ['gone', deps(), 'uid-1'],
    ['created anew', deps([]), 'uid-2'],
  ])('a Module that is %s is refused for good', (_name, dependencies, uid) => {
    expect(() => moduleOf(dependencies, { ...subject, uid })).toThrow(
      expect.objectContaining({ type: 'ModuleGone', nonRetryable: true }),
    )
  })
})

describe('applyKernelStatus', () => {
  test("applies this kernel's entry alone, under its own manager", async () => {
    expect(await applyKernelStatus(deps([other, entry]), subject, entry)).toEqual({ Module: '42' })
    expect(applyObject.mock.calls).toEqual([
      [
        {
          apiVersion: 'kmm.sigs.x-k8s.io/v1beta1',
          kind: 'Module',
          metadata: { namespace: 'drivers', name: 'fpga', uid: 'uid-1' },
          status: { kernels: [entry] },
        },
        { fieldManager: `kmm:${testKernel}`, force: true, subresource: 'status' },
      ],
    ])
  })
  test('without an entry gives up what it had', async () => {
    await applyKernelStatus(deps([entry]), subject, undefined)
    expect(body()).toMatchObject({ status: { kernels: [] } })
  })
  test.each<[string, KernelStatus[], number | undefined, boolean]>([
    ['the first attempt', [], 1, true],
    ['the first attempt, another kernel has more', [other], 1, true],
    ['the next attempt', [entry], 2, true],
    ['the same attempt', [entry], 1, false],
    ['no attempt', [entry], undefined, false],
  ])('is written over the version it was decided on, for %s: %s', async (_name, stored, attempt, guarded) => {
    const { attempt: _attempt, ...rest } = entry
    await applyKernelStatus(deps(stored), subject, attempt === undefined ? rest : { ...rest, attempt })
    expect(body()?.metadata['resourceVersion']).toBe(guarded ? '1' : undefined)
  })
  test.each<[string, KernelStatus['rebuild'], KernelStatus['rebuild'], boolean]>([
    ['taken up', undefined, { from: 1 }, true],
    ['another one taken up', { from: 1 }, { from: 2 }, true],
    ['under way', { from: 1 }, { from: 1 }, false],
    ['over', { from: 1 }, { from: 1, done: true }, false],
    ['forgotten', { from: 1, done: true }, undefined, false],
  ])('images:MIC-10 so it is for a rebuild that is %s', async (_name, stored, rebuild, guarded) => {
    await applyKernelStatus(deps([{ ...entry, rebuild: stored }]), subject, { ...entry, rebuild })
    expect(body()?.metadata['resourceVersion']).toBe(guarded ? '1' : undefined)
  })
  test('nothing is written to a Module that is gone or another', async () => {
    expect(await applyKernelStatus(deps(), subject, entry)).toEqual({})
    expect(await applyKernelStatus(deps([]), { ...subject, uid: 'uid-2' }, entry)).toEqual({})
    expect(applyObject).not.toHaveBeenCalled()
  })
  test('a Module that goes meanwhile is no failure', async () => {
    applyObject.mockResolvedValue({ kind: 'gone' })
    expect(await applyKernelStatus(deps([]), subject, entry)).toEqual({})
  })
  test('a Module that changed meanwhile is tried again', async () => {
    applyObject.mockResolvedValue({ kind: 'modified' })
    const failure = await failureOf(applyKernelStatus(deps([]), subject, entry))
    expect(failure).toMatchObject({ type: 'KubeConflict', nonRetryable: false })
  })
})

describe('an entry that the API server refuses', () => {
  const refusal = (code: number) => new KubeError({ message: 'control \u007f characters', code, reason: 'x' })
  const failed = {
    ...entry,
    phase: 'BuildFailed',
    reason: 'CompileFailed',
    message: 'm',
    errorLines: 'e',
  } as const
  test.each([400, 413, 422])('with %i is written without its texts, and says so', async (code) => {
    applyObject.mockRejectedValueOnce(refusal(code))
    expect(await applyKernelStatus(deps([]), subject, failed)).toEqual({ Module: '42' })
    const written = body()?.['status'] as { kernels: KernelStatus[] }
    expect(written.kernels).toEqual([
      {
        kernel: testKernel,
        phase: 'BuildFailed',
        attempt: 1,
        reason: 'StatusRefused',
        message: expect.stringContaining(`(CompileFailed), with ${code}: control`),
      },
    ])
    expect(applyObject).toHaveBeenCalledTimes(2)
  })
  test.each([403, 409, 429, 500, undefined])('with %s may be written later', async (code) => {
    const error = new KubeError({ message: 'later', code, reason: 'x' })
    applyObject.mockRejectedValueOnce(error)
    await expect(applyKernelStatus(deps([]), subject, failed)).rejects.toBe(error)
    expect(applyObject).toHaveBeenCalledTimes(1)
  })
})

describe('images:EVT-4 what a kernel has come to wait for is an Event', () => {
  const missing = { ...entry, reason: 'SecretMissing', message: 'Secret drivers/a does not exist.' }
  const unmapped = { ...entry, reason: 'NoMapping', message: 'No kernel mapping matches.' }
  test.each<[string, KernelStatus[], KernelStatus | undefined, string[]]>([
    ['at first', [], missing, ['SecretMissing']],
    ['of another kernel it says nothing', [{ ...missing, kernel: '5.10.0' }], missing, ['SecretMissing']],
    ['instead of something else', [{ ...missing, reason: 'ImageClaimed' }], missing, ['SecretMissing']],
    ['the same in other words', [{ ...missing, message: 'old' }], missing, []],
    ['with other facts', [missing], { ...missing, phase: 'CheckingImage' }, []],
    ['no mapping', [], unmapped, ['NoKernelMapping']],
    ['what has an Event of its own', [], { ...entry, reason: 'CompileFailed' }, []],
    ['what comes by itself', [], { ...entry, reason: 'BuildQueued' }, []],
    ['nothing any more', [missing], entry, []],
    ['nothing to do with it any more', [missing], undefined, []],
  ])('%s', async (_name, stored, now, events) => {
    await inActivity(() => applyKernelStatus(deps(stored), subject, now))
    expect(said).toEqual(events)
  })
  test('not when it could not be written', async () => {
    applyObject.mockResolvedValue({ kind: 'modified' })
    await failureOf(inActivity(() => applyKernelStatus(deps([]), subject, missing)))
    expect(said).toEqual([])
  })
})

describe('waitBecause', () => {
  const because = { reason: 'RegistryUnreachable', message: 'no route' }
  test('says why in status, then has Temporal try again, without an alarm', async () => {
    const why = { ...because, delayMs: 5000 }
    const failure = await failureOf(inActivity(() => waitBecause(deps([entry]), subject, entry, why)))
    expect(failure).toMatchObject({
      type: 'RegistryUnreachable',
      message: 'no route',
      category: 'BENIGN',
      nonRetryable: false,
      nextRetryDelay: 5000,
    })
    expect(body()).toMatchObject({ status: { kernels: [{ ...entry, ...because }] } })
    expect(said).toEqual(['RegistryUnreachable'])
  })
  test('without a delay the policy decides', async () => {
    const failure = await failureOf(inActivity(() => waitBecause(deps([entry]), subject, entry, because)))
    expect(failure.nextRetryDelay ?? undefined).toBeUndefined()
  })
  test.each<[string, KernelStatus[], KernelStatus | undefined]>([
    ['what stands there already', [{ ...entry, ...because }], entry],
    ['when the run has no entry', [entry], undefined],
  ])('writes nothing: %s', async (_name, stored, said) => {
    await failureOf(waitBecause(deps(stored), subject, said, because))
    expect(applyObject).not.toHaveBeenCalled()
  })
  test('another message is news', async () => {
    await failureOf(waitBecause(deps([{ ...entry, ...because, message: 'old' }]), subject, entry, because))
    expect(applyObject).toHaveBeenCalledOnce()
  })
})
