import { afterEach, describe, expect, test, vi } from 'vitest'
import { createQueue, type Queue } from './queue.ts'

let queue: Queue
const onError = vi.fn()

afterEach(async () => {
  release.clear()
  vi.useRealTimers()
  onError.mockReset()
  await queue.stop()
})

/** Handlers that are running, by key; calling one ends it. */
const release = new Map<string, (error?: Error) => void>()
function start(concurrency: number) {
  const calls: string[] = []
  const handle = async (key: string) => {
    calls.push(key)
    await new Promise<void>((resolve, reject) => {
      release.set(key, (error) => (error === undefined ? resolve() : reject(error)))
    })
  }
  queue = createQueue({
    handle,
    onError,
    concurrency,
    firstBackoffMs: 1_000,
    longestBackoffMs: 4_000,
  })
  return calls
}
async function end(key: string, error?: Error) {
  const ended = release.get(key)
  release.delete(key)
  ended?.(error)
  // The queue goes on in the promise jobs that follow.
  await vi.waitFor(() => Promise.resolve())
}

describe('coalescing', () => {
  test('a key waits once, however often it is added', async () => {
    const calls = start(1)
    for (const key of ['a', 'b', 'b', 'b']) queue.add(key)
    expect(queue.size).toBe(2)
    await end('a')
    await end('b')
    await queue.drain()
    expect(calls).toEqual(['a', 'b'])
  })

  test('a key added while it is handled is handled once more, never twice at a time', async () => {
    const calls = start(2)
    queue.add('a')
    queue.add('a')
    queue.add('a')
    expect(calls).toEqual(['a'])
    await end('a')
    expect(calls).toEqual(['a', 'a'])
    await end('a')
    await queue.drain()
    expect(calls).toEqual(['a', 'a'])
  })

  test('no more keys than allowed are handled at a time, first come first served', async () => {
    const calls = start(2)
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key)
    expect(calls).toEqual(['a', 'b'])
    await end('b')
    expect(calls).toEqual(['a', 'b', 'c'])
    await end('a')
    expect(calls).toEqual(['a', 'b', 'c', 'd'])
    await end('c')
    await end('d')
    await queue.drain()
  })
})

describe('failure', () => {
  test('a failed key comes back after a growing wait, which success resets', async () => {
    vi.useFakeTimers()
    const random = vi.spyOn(Math, 'random').mockReturnValue(1)
    const calls = start(1)
    queue.add('a')
    for (const wait of [1_000, 2_000, 4_000, 4_000]) {
      await end('a', new Error('broken'))
      const before = calls.length
      await vi.advanceTimersByTimeAsync(wait - 1)
      expect(calls).toHaveLength(before)
      await vi.advanceTimersByTimeAsync(1)
      expect(calls).toHaveLength(before + 1)
    }
    expect(onError.mock.lastCall).toEqual(['a', new Error('broken'), 4_000])
    await end('a')
    queue.add('a')
    await end('a', new Error('broken'))
    expect(onError.mock.lastCall?.[2]).toBe(1_000)
    random.mockRestore()
  })

  test('a handler that throws at once is a failed key, too', async () => {
    const handle = () => {
      throw new Error('at once')
    }
    queue = createQueue({ handle, onError, concurrency: 1 })
    queue.add('a')
    await queue.drain()
    expect(onError).toHaveBeenCalledOnce()
  })

  test('a failed key does not keep others from their turn', async () => {
    const calls = start(1)
    queue.add('a')
    queue.add('b')
    await end('a', new Error('broken'))
    expect(calls).toEqual(['a', 'b'])
    await end('b')
  })
})

describe('time', () => {
  test('addAfter adds later; the earliest time wins', async () => {
    vi.useFakeTimers()
    const calls = start(1)
    queue.addAfter('a', 1_000)
    queue.addAfter('a', 500)
    queue.addAfter('a', 5_000)
    await vi.advanceTimersByTimeAsync(499)
    expect(calls).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(calls).toEqual(['a'])
    await end('a')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(calls).toEqual(['a'])
  })

  test('stop waits for what runs and handles nothing more', async () => {
    vi.useFakeTimers()
    const calls = start(1)
    queue.add('a')
    queue.add('a')
    queue.add('b')
    queue.addAfter('c', 10)
    const stopped = queue.stop()
    let isStopped = false
    void stopped.then(() => (isStopped = true))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(isStopped).toBe(false)
    await end('a', new Error('broken'))
    await stopped
    queue.add('d')
    await vi.advanceTimersByTimeAsync(100_000)
    expect(calls).toEqual(['a'])
  })
})
