import { setTimeout as sleep } from 'node:timers/promises'
import { newer } from '../../api/resourceVersion.ts'
import { createBackoff } from './backoff.ts'
import { isGone, KubeError } from './errors.ts'
import type { Informer, InformerOptions, InformerTiming } from './informerTypes.ts'
import type { Selection } from './kube.ts'
import { lines } from './lines.ts'
import { keyOf, pathOf, type StoredObject } from './resources.ts'
import { type Change, createStore } from './store.ts'
import { type Status, statusError } from './transport.ts'
import { createWaiters } from './waiters.ts'

export type { Informer, InformerLog, InformerOptions, InformerTiming, WaitOptions } from './informerTypes.ts'

const defaultTiming: InformerTiming = {
  pageSize: 500,
  watchSeconds: 300,
  // Longer than a watch: a kind that never changes brings not even bookmarks.
  quietMs: 330_000,
  firstBackoffMs: 1_000,
  longestBackoffMs: 30_000,
}

/** A line of a watch. */
type Frame<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: T }
  | { readonly type: 'ERROR'; readonly object: Status }

/**
 * Starts an informer: list in pages, then watch with bookmarks. A watch that ends goes on from the last resource
 * version; when the server has forgotten that (410), from a new list. client-node's own informer stops for good at
 * the first dropped connection and loses deletions, and its Watch swallows error frames, so both are done here.
 */
export function createInformer<T extends StoredObject>(options: InformerOptions<T>): Informer<T> {
  const { kube, resource, name, log, keep = withoutManagedFields } = options
  const timing = { ...defaultTiming, ...options.timing }
  const selection = selectionOf(options)
  const ending = new AbortController()
  const signal =
    options.signal === undefined ? ending.signal : AbortSignal.any([ending.signal, options.signal])
  const store = createStore<T>()
  const handlers = new Set<(change: Change<T>) => void>()
  const stopped = () => new Error(`informer ${name} is stopped`)
  const waiters = createWaiters(signal, stopped)
  const backoff = createBackoff({ firstMs: timing.firstBackoffMs, longestMs: timing.longestBackoffMs })
  const synced = Promise.withResolvers<void>()
  // Whoever does not wait for it need not know that it never came.
  synced.promise.catch(() => undefined)
  /** Undefined: the next attempt begins with a list. */
  let resumeAt: string | undefined
  /** What the cache holds; undefined before the first list. */
  let cacheVersion: string | undefined
  let lastEventAt = 0

  function tell(handler: (change: Change<T>) => void, change: Change<T>): void {
    const broken = (error: unknown) =>
      log.warn({ informer: name, key: keyOf(change.object), err: error }, 'a handler failed')
    try {
      // A handler typed void may be an async function all the same.
      const result: unknown = handler(change)
      if (result instanceof Promise) result.catch(broken)
    } catch (error) {
      broken(error)
    }
  }

  function moveOn(changes: readonly Change<T>[], resourceVersion: string): void {
    resumeAt = resourceVersion
    cacheVersion = resourceVersion
    lastEventAt = Date.now()
    for (const change of changes) for (const handler of handlers) tell(handler, change)
    waiters.wake()
  }

  async function list(): Promise<void> {
    let pageSize = timing.pageSize
    for (;;) {
      try {
        const found = new Map<string, T>()
        let resourceVersion = ''
        for await (const page of kube.pages(resource, { ...selection, signal }, pageSize)) {
          for (const object of page.items) found.set(keyOf(object), keep(object))
          resourceVersion = page.resourceVersion
        }
        moveOn(store.replace(found), resourceVersion)
        synced.resolve()
        return
      } catch (error) {
        // The list took longer than the server remembers its beginning: take it in one piece.
        if (!isGone(error) || pageSize === 0) throw error
        pageSize = 0
      }
    }
  }

  /** Follows one watch to its end; resolves when the server ended it in order. */
  async function watch(resourceVersion: string): Promise<void> {
    const stream = await kube.transport.stream({
      verb: 'watch',
      resource: resource.plural,
      path: pathOf(resource, selection.namespace === undefined ? {} : { namespace: selection.namespace }),
      query: {
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion,
        timeoutSeconds: Math.ceil(timing.watchSeconds * (0.75 + Math.random() / 4)),
        labelSelector: selection.labelSelector,
        fieldSelector: selection.fieldSelector,
      },
      quietMs: timing.quietMs,
      signal,
    })
    let useful = false
    for await (const line of lines(stream)) {
      const frame = parseFrame<T>(line)
      if (frame.type === 'ERROR') throw statusError(frame.object)
      useful = true
      backoff.reset()
      moveOn(changesOf(frame.type, frame.object), frame.object.metadata.resourceVersion)
    }
    if (!useful)
      throw new KubeError({ reason: 'Unreachable', message: 'the watch ended before anything came' })
  }

  function changesOf(type: Exclude<Frame<T>['type'], 'ERROR'>, object: T): readonly Change<T>[] {
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        return store.set(keep(object))
      case 'DELETED':
        return store.remove(keep(object))
      case 'BOOKMARK':
        return []
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        if (resumeAt === undefined) await list()
        else await watch(resumeAt)
      } catch (error) {
        if (signal.aborted) break
        if (isGone(error)) resumeAt = undefined
        const retryInMs = Math.max(backoff.next(), error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0)
        log.warn({ informer: name, err: error, retryInMs: Math.round(retryInMs) }, 'the connection failed')
        await sleep(retryInMs, undefined, { signal }).catch(() => undefined)
      }
    }
    synced.reject(stopped())
    waiters.wake()
  }

  function has(resourceVersion: string | undefined): boolean {
    return (
      cacheVersion !== undefined && (resourceVersion === undefined || !newer(resourceVersion, cacheVersion))
    )
  }

  const running = run()
  return {
    synced: synced.promise,
    get lastEventAt() {
      return lastEventAt
    },
    get: (key) => store.get(key),
    list: () => store.list(),
    index: (valuesOf) => store.index(valuesOf),
    subscribe(handler) {
      for (const object of store.list()) tell(handler, { type: 'added', object })
      handlers.add(handler)
      return () => void handlers.delete(handler)
    },
    async reached(resourceVersion, timeoutMs) {
      const timeout = AbortSignal.timeout(timeoutMs)
      return await waiters.until(() => has(resourceVersion) || undefined, timeout).catch(() => false)
    },
    async waitFor(key, predicate, { signal: abort, after } = {}) {
      const found = await waiters.until(() => {
        if (!has(after)) return undefined
        const object = store.get(key)
        return predicate(object) ? { object } : undefined
      }, abort)
      return found.object
    },
    async stop() {
      ending.abort()
      await running
    },
  }
}

function selectionOf({ namespace, labelSelector, fieldSelector }: Selection): Selection {
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  }
}

function withoutManagedFields<T extends StoredObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

/** A line cut short by a lost connection is a lost connection. */
function parseFrame<T>(line: string): Frame<T> {
  try {
    return JSON.parse(line) as Frame<T>
  } catch (error) {
    throw new KubeError({ reason: 'Unreachable', message: 'the watch broke off in a line', cause: error })
  }
}
