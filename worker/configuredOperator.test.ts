import { beforeEach, expect, test, vi } from 'vitest'
import { parseConfig, type OperatorConfig } from '../api/config.ts'
import type { Reading } from './configuration.ts'
import { runConfigured } from './configuredOperator.ts'
import { createHealth } from './health.ts'

function valid(text: string): Reading {
  const parsed = parseConfig(text)
  if (!parsed.ok) throw new Error(parsed.message)
  const { config, warnings } = parsed
  return { kind: 'valid', config, warnings, fingerprint: JSON.stringify(config) }
}
const address = 'healthProbeBindAddress: 127.0.0.1:0'
const first = valid(address)
const second = valid(`${address}\nmaxParallel: 7`)
const invalid = (fault: string): Reading => ({
  kind: 'invalid',
  faults: [fault],
  warnings: [],
  healthProbeBindAddress: '127.0.0.1:0',
})

/** One process: what stands in its files, looks at them by hand, and what came of it. */
function startProcess(
  reading: Reading,
  run?: (config: OperatorConfig, signal: AbortSignal) => Promise<void>,
) {
  const stopping = new AbortController()
  const health = createHealth()
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const record = vi.fn()
  const runs: { readonly config: OperatorConfig; ended: boolean }[] = []
  let now = reading
  let paused = Promise.withResolvers<void>()
  let look = Promise.withResolvers<void>()
  const runUntilAborted = async (config: OperatorConfig, signal: AbortSignal) => {
    const entry = { config, ended: false }
    runs.push(entry)
    health.setChecks({})
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    entry.ended = true
  }
  const ended = runConfigured(
    {
      read: () => now,
      run: run ?? runUntilAborted,
      health,
      log,
      record,
      pause: async (signal) => {
        paused.resolve()
        const aborted = new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        )
        await Promise.race([look.promise, aborted])
      },
    },
    stopping.signal,
  )
  return {
    runs,
    log,
    record,
    ended,
    looked: async () => await paused.promise,
    /** Lets the process look at this, and waits until it looks again. */
    async see(next: Reading) {
      await paused.promise
      now = next
      paused = Promise.withResolvers()
      const { resolve } = look
      look = Promise.withResolvers()
      resolve()
      await paused.promise
    },
    async readyz() {
      const answer = await fetch(`http://127.0.0.1:${health.port()}/readyz`)
      return [answer.status, await answer.text()]
    },
    async stop() {
      stopping.abort()
      await ended.catch(() => undefined)
      health.close()
    },
  }
}

let operator: ReturnType<typeof startProcess>
beforeEach(() => async () => await operator.stop())

test('a valid configuration runs until the process ends', async () => {
  operator = startProcess(first)
  await operator.looked()
  expect(operator.runs).toMatchObject([{ config: { maxParallel: 200 }, ended: false }])
  expect(await operator.readyz()).toEqual([200, 'ok\n'])
  await operator.stop()
  expect(operator.runs).toMatchObject([{ ended: true }])
  expect(operator.record).not.toHaveBeenCalled()
})

test('a valid change ends the run before the next one begins', async () => {
  const states: string[] = []
  operator = startProcess(first, async ({ maxParallel }, signal) => {
    states.push(`begin ${maxParallel}`)
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    await new Promise(setImmediate)
    states.push(`end ${maxParallel}`)
  })
  await operator.see(second)
  expect(states).toEqual(['begin 200', 'end 200', 'begin 7'])
  expect(operator.record.mock.calls).toMatchObject([[{ type: 'Normal', reason: 'ConfigurationReloaded' }]])
})

test('what has not changed does not end the run', async () => {
  operator = startProcess(first)
  await operator.see(first)
  expect(operator.runs).toHaveLength(1)
  expect(operator.record).not.toHaveBeenCalled()
})

test('a change that is not valid leaves the last one in force, and is reported once', async () => {
  operator = startProcess(first)
  await operator.see(invalid('maxParallel: wrong'))
  await operator.see(invalid('maxParallel: wrong'))
  expect(operator.runs).toMatchObject([{ ended: false }])
  const line = 'configuration: maxParallel: wrong (the last valid configuration stays in force)'
  expect(await operator.readyz()).toEqual([200, `ok\n${line}\n`])
  expect(operator.log.error).toHaveBeenCalledTimes(1)
  expect(operator.log.error.mock.calls[0]).toEqual([{ faults: ['maxParallel: wrong'] }, expect.any(String)])
  expect(operator.record.mock.calls).toMatchObject([
    [
      {
        type: 'Warning',
        reason: 'InvalidConfiguration',
        message: expect.stringMatching(/^maxParallel: wrong; /),
      },
    ],
  ])
  await operator.see(invalid('job: wrong'))
  expect(operator.record).toHaveBeenCalledTimes(2)

  await operator.see(first)
  expect(await operator.readyz()).toEqual([200, 'ok\n'])
  expect(operator.runs).toHaveLength(1)
  expect(operator.record.mock.lastCall).toMatchObject([{ type: 'Normal', reason: 'ConfigurationReloaded' }])
  // What comes back is another Event.
  await operator.see(invalid('job: wrong'))
  const keys = operator.record.mock.calls.map(([{ key }]) => key as string)
  expect(new Set(keys).size).toBe(keys.length)
})

test('without a first valid configuration nothing runs, and the process goes on by itself', async () => {
  operator = startProcess(invalid('maxParallel: wrong'))
  await operator.looked()
  expect(await operator.readyz()).toEqual([503, 'configuration: maxParallel: wrong\n'])
  expect(operator.record.mock.calls).toMatchObject([[{ type: 'Warning', reason: 'InvalidConfiguration' }]])
  expect(operator.runs).toEqual([])
  await operator.see(second)
  expect(operator.runs).toMatchObject([{ config: { maxParallel: 7 } }])
  expect(await operator.readyz()).toEqual([200, 'ok\n'])
  expect(operator.record.mock.lastCall).toMatchObject([{ type: 'Normal', reason: 'ConfigurationReloaded' }])
})

test('an address that cannot be served is a fault, and the last one stays in force', async () => {
  operator = startProcess(first)
  await operator.see(valid('healthProbeBindAddress: 192.0.2.1:1'))
  expect(operator.runs).toMatchObject([{ ended: false }])
  expect(await operator.readyz()).toEqual([
    200,
    expect.stringContaining('configuration: healthProbeBindAddress: nothing can be served on 192.0.2.1:1'),
  ])
})

test('a warning is logged once', async () => {
  const warned = valid(`${address}\nnonsense: 1`)
  operator = startProcess(warned)
  await operator.see(warned)
  expect(operator.log.warn.mock.calls).toEqual([['nonsense has no effect: unknown key']])
})

test('an operator that cannot go on ends the process', async () => {
  operator = startProcess(first, async () => {
    throw new Error('out of luck')
  })
  await expect(operator.ended).rejects.toThrow('out of luck')
})

test('an error while the operator ends for a change is logged, and the next configuration runs', async () => {
  const begun: number[] = []
  operator = startProcess(first, async ({ maxParallel }, signal) => {
    begun.push(maxParallel)
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    throw new Error('late')
  })
  await operator.see(second)
  expect(begun).toEqual([200, 7])
  expect(operator.log.warn).toHaveBeenCalledTimes(1)
})
