import { WorkflowNotFoundError, type Client } from '@temporalio/client'
import { beforeEach, expect, test, vi } from 'vitest'
import { testRef } from '../api/testCluster.ts'
import { createBell } from './bell.ts'

/** The Temporal service: takes what it is sent. */
const signalWithStart = vi.fn<(...request: unknown[]) => Promise<void>>()
const signal = vi.fn<(...request: unknown[]) => Promise<void>>()
const terminate = vi.fn<(reason: string) => Promise<void>>()
const getHandle =
  vi.fn<(id: string, runId?: string) => { signal: typeof signal; terminate: typeof terminate }>()
interface Listed {
  readonly workflowId: string
  readonly runId: string
  readonly taskQueue: string
}
const list = vi.fn<(options: { query: string }) => AsyncIterable<Listed>>()
beforeEach(() => {
  signalWithStart.mockReset().mockResolvedValue()
  signal.mockReset().mockResolvedValue()
  terminate.mockReset().mockResolvedValue()
  getHandle.mockReset().mockReturnValue({ signal, terminate })
})
const bell = createBell({ workflow: { signalWithStart, getHandle, list } } as unknown as Client, 'c1')
const news = { changes: [{ kind: 'Node', name: 'n1', resourceVersion: '5' }] }
const subject = { ref: testRef, uid: 'uid-1' }

test('a kernel run is started or signalled, in one request', async () => {
  await bell.ringKernel({ ...subject, kernel: '6.1.0+' }, news)
  const [workflow, options] = signalWithStart.mock.calls[0] ?? []
  expect(workflow).toBe('moduleKernel')
  expect(options).toMatchObject({
    workflowId: 'module:c1:drivers:fpga:6.1.0+',
    taskQueue: 'kmm-c1-1',
    signal: { name: 'doorbell' },
    signalArgs: [news],
    args: [{ subject: { ...subject, kernel: '6.1.0+' }, watchQueue: 'kmm-c1-1-watch', seen: {} }],
    staticSummary: 'Module drivers/fpga, kernel 6.1.0+',
  })
  const attributes = (options as { typedSearchAttributes: { key: { name: string }; value: unknown }[] })
    .typedSearchAttributes
  expect(Object.fromEntries(attributes.map(({ key, value }) => [key.name, value]))).toEqual({
    KmmCluster: 'c1',
    KmmNamespace: 'drivers',
    KmmModule: 'fpga',
    KmmKernel: '6.1.0+',
    KmmHeld: false,
  })
})

test('a retry reaches a kernel run that has ended too', async () => {
  await bell.retryKernel({ ...subject, kernel: '6.1.0' }, 'the annotation rebuild')
  expect(signalWithStart).toHaveBeenCalledWith(
    'moduleKernel',
    expect.objectContaining({
      workflowId: 'module:c1:drivers:fpga:6.1.0',
      signal: expect.objectContaining({ name: 'retryBuild' }) as unknown,
      signalArgs: [{ reason: 'the annotation rebuild' }],
      args: [expect.objectContaining({ subject: { ...subject, kernel: '6.1.0' } })],
    }),
  )
})

test('a module run too', async () => {
  await bell.ringModule(subject, news)
  expect(signalWithStart).toHaveBeenCalledWith(
    'module',
    expect.objectContaining({ workflowId: 'module:c1:drivers:fpga', signalArgs: [news] }),
  )
})

test('ids are those it rings', () => {
  expect(bell.kernelRun(testRef, 'k')).toBe('module:c1:drivers:fpga:k')
  expect(bell.moduleRun(testRef)).toBe('module:c1:drivers:fpga')
})

test('a ring that fails is an error', async () => {
  signalWithStart.mockRejectedValue(new Error('away'))
  await expect(bell.ringModule(subject, news)).rejects.toThrow('away')
})

test('a nudge starts nothing, and finds a run that has ended no error', async () => {
  await bell.nudge('module:c1:drivers:fpga', news)
  expect(getHandle).toHaveBeenCalledWith('module:c1:drivers:fpga')
  expect(signal).toHaveBeenCalledWith(expect.objectContaining({ name: 'doorbell' }), news)
  signal.mockRejectedValue(new WorkflowNotFoundError('no', 'id', undefined))
  await bell.nudge('id', news)
  signal.mockRejectedValue(new Error('away'))
  await expect(bell.nudge('id', news)).rejects.toThrow('away')
  expect(signalWithStart).not.toHaveBeenCalled()
})

test('open runs are those of this cluster; those of an earlier generation are ended', async () => {
  list.mockImplementation(async function* () {
    yield { workflowId: 'a', runId: 'r', taskQueue: 'kmm-c1-1' }
    yield { workflowId: 'old', runId: 'r0', taskQueue: 'kmm-c1-0' }
    yield { workflowId: 'b', runId: 'r', taskQueue: 'kmm-c1-2' }
  })
  expect(await bell.openRuns()).toEqual(new Set(['a', 'b']))
  // A later operator is at work already; an earlier one can go on no more.
  expect(getHandle.mock.calls).toEqual([['old', 'r0']])
  expect(terminate).toHaveBeenCalledOnce()
  expect(list).toHaveBeenCalledWith({ query: 'KmmCluster="c1" AND ExecutionStatus="Running"' })
})
