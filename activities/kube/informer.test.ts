import { describe, expect, test, vi } from 'vitest'
import type { Pod } from './resources.ts'
import type { Change } from './store.ts'
import { bookmark, gone, informerTest, page, pod } from './testing/informerTest.ts'
import type { Call } from './testing/scriptedApi.ts'

describe('listing and watching', () => {
  test('lists in pages, then watches from there with bookmarks and the same selector', async () => {
    const t = await informerTest({ labelSelector: 'app=kmm' })
    const first = await t.next()
    expect(Object.fromEntries(first.query)).toEqual({ labelSelector: 'app=kmm', limit: '2' })
    expect(first.headers['authorization']).toBe('Bearer secret-token')
    first.json(200, page(10, [pod('a', '1', 3), pod('b', '2', 4)], 'more'))
    const second = await t.next()
    expect(second.query.get('continue')).toBe('more')
    second.json(200, page(10, [pod('c', '3', 5)]))
    await t.informer.synced
    expect(t.seen).toEqual(['added a 1@3', 'added b 2@4', 'added c 3@5'])
    const watch = await t.nextWatch(10)
    expect(watch.query.get('allowWatchBookmarks')).toBe('true')
    expect(watch.query.get('labelSelector')).toBe('app=kmm')
    expect(Number(watch.query.get('timeoutSeconds'))).toBeGreaterThan(0)
  })

  test('delivers changes after the cache has them, with the old object, without managedFields', async () => {
    const t = await informerTest()
    const watch = await t.listed(10, [])
    const changes: [Change<Pod>, Pod | undefined][] = []
    t.informer.subscribe((change) => changes.push([change, t.informer.get('ns/a')]))
    watch.frame('ADDED', pod('a', '1', 11, { managedFields: [{}] }))
    watch.frame('MODIFIED', pod('a', '1', 12))
    watch.frame('DELETED', pod('a', '1', 13))
    await expect.poll(() => changes).toHaveLength(3)
    expect(changes).toEqual([
      [{ type: 'added', object: pod('a', '1', 11) }, pod('a', '1', 11)],
      [{ type: 'updated', object: pod('a', '1', 12), old: pod('a', '1', 11) }, pod('a', '1', 12)],
      [{ type: 'deleted', object: pod('a', '1', 13) }, undefined],
    ])
    expect(t.informer.list()).toEqual([])
  })

  test('whoever subscribes late is told of everything held', async () => {
    const t = await informerTest()
    await t.listed(10, [pod('a', '1', 3)])
    const late = vi.fn()
    t.informer.subscribe(late)
    expect(late).toHaveBeenCalledExactlyOnceWith({ type: 'added', object: pod('a', '1', 3) })
  })

  test('an index follows changes and removals', async () => {
    const t = await informerTest()
    const watch = await t.listed(10, [pod('a', '1', 3, { labels: { module: 'm' } })])
    const byModule = t.informer.index(({ metadata }) => Object.values(metadata.labels ?? {}))
    const names = (value: string) => byModule(value).map(({ metadata }) => metadata.name)
    expect(names('m')).toEqual(['a'])
    watch.frame('ADDED', pod('b', '2', 11, { labels: { module: 'm' } }))
    watch.frame('MODIFIED', pod('a', '1', 12, { labels: { module: 'n' } }))
    await t.informer.reached('12', 60_000)
    expect([names('m'), names('n')]).toEqual([['b'], ['a']])
    watch.frame('DELETED', pod('b', '2', 13))
    watch.frame('ADDED', pod('b', '3', 14))
    await t.informer.reached('14', 60_000)
    expect(names('m')).toEqual([])
  })
})

describe('a lost connection', () => {
  test('a dropped watch goes on from the last version, without a list', async () => {
    const t = await informerTest()
    const watch = await t.listed(10, [pod('a', '1', 3)])
    watch.frame('ADDED', pod('b', '2', 11))
    await t.informer.reached('11', 60_000)
    watch.drop()
    const again = await t.nextWatch(11)
    again.frame('ADDED', pod('c', '3', 12))
    await t.informer.reached('12', 60_000)
    expect(t.seen).toEqual(['added a 1@3', 'added b 2@11', 'added c 3@12'])
  })

  test('a watch the server ends goes on at once', async () => {
    const t = await informerTest()
    const watch = await t.listed(10, [])
    watch.frame('BOOKMARK', bookmark(20))
    watch.end()
    await t.nextWatch(20)
    expect(t.warn).not.toHaveBeenCalled()
  })

  test('a line cut short is not believed', async () => {
    const t = await informerTest()
    const watch = await t.listed(10, [])
    watch.write('{"type":"ADDED","object":{"metadata":')
    watch.end()
    await t.nextWatch(10)
    expect(t.seen).toEqual([])
  })

  test('a quiet connection is given up and replaced', async () => {
    const t = await informerTest({ quietMs: 100 })
    const watch = await t.listed(10, [])
    watch.open()
    await watch.closed
    const again = await t.nextWatch(10)
    again.frame('ADDED', pod('a', '1', 11))
    await t.informer.waitFor('ns/a', (object) => object !== undefined)
  })

  test('a list that fails is repeated until it succeeds', async () => {
    const t = await informerTest()
    const failing = await t.next()
    failing.json(500, { kind: 'Status', code: 500, message: 'etcdserver: leader changed' })
    const dropped = await t.next()
    dropped.drop()
    await t.listed(10, [pod('a', '1', 3)])
    await t.informer.synced
    expect(t.seen).toEqual(['added a 1@3'])
  })

  test('an error frame that is not 410 resumes', async () => {
    const t = await informerTest()
    const watch = await t.listed(10, [])
    watch.frame('ERROR', { kind: 'Status', code: 500, message: 'etcdserver: no leader' })
    await t.nextWatch(10)
  })

  test('the time a busy server asks for is waited', async () => {
    const t = await informerTest()
    const busy = await t.next()
    busy.json(429, { kind: 'Status', code: 429, message: 'too many requests' }, { 'retry-after': '1' })
    await expect.poll(() => t.warn).toHaveBeenCalled()
    expect(t.warn.mock.lastCall?.[0]).toMatchObject({ informer: 'pods', retryInMs: 1000 })
  })
})

describe('a forgotten version', () => {
  test.each([
    ['as a frame', (watch: Call) => watch.frame('ERROR', gone)],
    ['as a status', (watch: Call) => watch.json(410, gone)],
  ])('410 %s: lists anew and delivers what was missed', async (_, answer) => {
    const t = await informerTest()
    answer(await t.listed(10, [pod('a', '1', 3), pod('b', '2', 4), pod('c', '3', 5)]))
    await t.listed(50, [pod('a', '1', 3), pod('c', '3', 40), pod('d', '4', 41)])
    expect(t.seen.slice(3)).toEqual(['deleted b 2@4', 'updated c 3@40', 'added d 4@41'])
  })

  test('deleted and made again in between: the old one is deleted, the new one added', async () => {
    const t = await informerTest()
    const watch = await t.listed(10, [pod('a', 'old', 3)])
    watch.frame('ERROR', gone)
    await t.listed(50, [pod('a', 'new', 40)])
    expect(t.seen).toEqual(['added a old@3', 'deleted a old@3', 'added a new@40'])
  })

  test('an object made again is seen in a watch, too', async () => {
    const t = await informerTest()
    const watch = await t.listed(10, [pod('a', 'old', 3)])
    watch.frame('MODIFIED', pod('a', 'new', 11))
    await t.informer.reached('11', 60_000)
    expect(t.seen).toEqual(['added a old@3', 'deleted a old@3', 'added a new@11'])
  })

  test('a list whose continuation expired is taken in one piece', async () => {
    const t = await informerTest()
    const first = await t.next()
    first.json(200, page(10, [pod('a', '1', 3)], 'more'))
    const second = await t.next()
    second.json(410, gone)
    const whole = await t.next()
    expect(whole.query.get('limit')).toBe(null)
    whole.json(200, page(12, [pod('b', '2', 4)]))
    await t.nextWatch(12)
    expect(t.seen).toEqual(['added b 2@4'])
  })
})
