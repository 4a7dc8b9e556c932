import { beforeEach, expect, test, vi } from 'vitest'
import { createEventRecorder } from './eventRecorder.ts'

const create = vi.fn(async (_resource: object, body: { metadata: { name: string } }) => ({
  kind: 'created' as const,
  object: body as never,
}))
let now = 0
let recorder: ReturnType<typeof createEventRecorder>
beforeEach(() => {
  create.mockClear()
  now = 0
  recorder = createEventRecorder({ create: create as never }, () => now)
})

const about = { apiVersion: 'v1', kind: 'Module', namespace: 'ns', name: 'fpga', uid: 'u1' }
const text = {
  about: 'Module',
  type: 'Warning',
  reason: 'LoadFailed',
  message: 'm',
  annotations: {},
  key: 'k',
} as const
const names = () => create.mock.calls.map(([, body]) => body.metadata.name)

test('what this process has said is not sent again, until the API server has forgotten it', async () => {
  await recorder.record(about, text)
  await recorder.record(about, text)
  expect(create).toHaveBeenCalledTimes(1)
  now = 61 * 60_000
  await recorder.record(about, text)
  expect(new Set(names()).size).toBe(1)
  expect(create).toHaveBeenCalledTimes(2)
})

test('another key, and another object of the same name, are other Events', async () => {
  await recorder.record(about, text)
  await recorder.record(about, { ...text, key: 'other' })
  await recorder.record({ ...about, uid: 'u2' }, text)
  expect(new Set(names()).size).toBe(3)
})

test('what the API server refuses, such as what another process has said, is no error and not sent again', async () => {
  create.mockRejectedValueOnce(new Error('refused'))
  await recorder.record(about, text)
  await recorder.record(about, text)
  expect(create).toHaveBeenCalledTimes(1)
})

test('the longest names are names of Events too, and differ', async () => {
  const name = `${'a'.repeat(219)}.${'b'.repeat(33)}`
  for (const key of ['one', 'two']) await recorder.record({ ...about, name }, { ...text, key })
  expect(new Set(names()).size).toBe(2)
  for (const made of names()) {
    expect(made.length).toBeLessThanOrEqual(253)
    expect(made).toMatch(/^[a-z0-9]+(?:[-.][a-z0-9]+)*$/)
  }
})

test('so many are remembered that a storm of other Events is not without end', async () => {
  await recorder.record(about, text)
  for (let index = 0; index < 10_001; index++) await recorder.record(about, { ...text, key: `${index}` })
  await recorder.record(about, text)
  expect(create).toHaveBeenCalledTimes(10_003)
})
