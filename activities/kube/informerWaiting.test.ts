import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { bookmark, informerTest, page, pod } from './testing/informerTest.ts'

describe('waiting', () => {
  test('a bookmark counts as having reached its version', async () => {
    const t = await informerTest()
    const watch = await t.listed(9, [])
    const reached = t.informer.reached('10', 60_000)
    watch.frame('BOOKMARK', bookmark(11))
    expect(await reached).toBe(true)
    expect(await t.informer.reached('9', 1)).toBe(true)
    expect(await t.informer.reached('12', 1)).toBe(false)
  })

  test('waitFor resolves with the object when it satisfies', async () => {
    const t = await informerTest()
    const watch = await t.listed(10, [])
    const wanted = t.informer.waitFor('ns/a', (object) => object?.metadata.labels?.['done'] === 'yes')
    watch.frame('ADDED', pod('a', '1', 11))
    watch.frame('MODIFIED', pod('a', '1', 12, { labels: { done: 'yes' } }))
    expect((await wanted)?.metadata.resourceVersion).toBe('12')
  })

  test('absence counts only once the list is in, and once the version asked for is reached', async () => {
    const t = await informerTest()
    const list = await t.next()
    const early = t.informer.waitFor('ns/a', (object) => object === undefined)
    const late = t.informer.waitFor('ns/a', () => true, { after: '11' })
    list.json(200, page(10, []))
    expect(await early).toBe(undefined)
    const watch = await t.nextWatch(10)
    watch.frame('ADDED', pod('a', '1', 11))
    expect((await late)?.metadata.uid).toBe('1')
  })

  test('waitFor ends with its signal, and with the informer', async () => {
    const t = await informerTest()
    await t.listed(10, [])
    const cancel = new AbortController()
    const cancelled = t.informer.waitFor('ns/a', Boolean, { signal: cancel.signal })
    cancel.abort(new Error('cancelled'))
    await expect(cancelled).rejects.toThrow('cancelled')
    const stopped = expect(t.informer.waitFor('ns/a', Boolean)).rejects.toThrow('informer pods is stopped')
    await t.informer.stop()
    await stopped
  })

  test('waitFor rejects with what the predicate throws, and nothing else breaks', async () => {
    const t = await informerTest()
    const watch = await t.listed(10, [])
    const broken = expect(
      t.informer.waitFor('ns/a', (object) => {
        if (object === undefined) return false
        throw new Error('predicate')
      }),
    ).rejects.toThrow('predicate')
    watch.frame('ADDED', pod('a', '1', 11))
    await broken
    expect(await t.informer.reached('11', 60_000)).toBe(true)
  })
})

describe('handlers and the end', () => {
  test('a handler that throws, or rejects, breaks nothing', async () => {
    const t = await informerTest()
    t.informer.subscribe(() => {
      throw new Error('thrown')
    })
    // A handler may be async although its type says otherwise.
    const rejecting: () => unknown = async () => await Promise.reject(new Error('rejected'))
    t.informer.subscribe(rejecting)
    const watch = await t.listed(10, [pod('a', '1', 3)])
    watch.frame('ADDED', pod('b', '2', 11))
    await t.informer.reached('11', 60_000)
    expect(t.seen).toEqual(['added a 1@3', 'added b 2@11'])
    await expect.poll(() => t.warn).toHaveBeenCalledTimes(4)
    expect(t.warn.mock.calls[0]?.[0]).toMatchObject({ informer: 'pods', key: 'ns/a' })
  })

  test('stop closes the connection, asks nothing more and tells who waits', async () => {
    const t = await informerTest()
    const list = await t.next()
    await t.informer.stop()
    await list.closed
    await expect(t.informer.synced).rejects.toThrow('stopped')
    expect(await t.informer.reached('1', 10)).toBe(false)
    expect(t.unread()).toBe(0)
  })

  test('lastEventAt moves with everything that comes', async () => {
    const t = await informerTest()
    expect(t.informer.lastEventAt).toBe(0)
    const watch = await t.listed(10, [])
    const before = t.informer.lastEventAt
    expect(before).toBeGreaterThan(0)
    const clock = vi.spyOn(Date, 'now').mockReturnValue(before + 1_000)
    onTestFinished(() => clock.mockRestore())
    watch.frame('BOOKMARK', bookmark(11))
    await t.informer.reached('11', 60_000)
    expect(t.informer.lastEventAt).toBe(before + 1_000)
  })
})
