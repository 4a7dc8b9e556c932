import type { Kube } from './kube.ts'
import type { Resource, StoredObject } from './resources.ts'
import type { Change, Lookup } from './store.ts'

/** Where an informer tells of lost connections and broken handlers; a pino logger fits. */
export interface InformerLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
}

export interface InformerOptions<T extends StoredObject> {
  readonly kube: Pick<Kube, 'pages' | 'transport'>
  readonly resource: Resource<T>
  /** In log lines. */
  readonly name: string
  readonly log: InformerLog
  /** All namespaces when left out. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** What is kept of an object, to save memory; metadata stays. `managedFields` are dropped by default. */
  readonly keep?: (object: T) => T
  /** Ends the informer, as `stop` does. */
  readonly signal?: AbortSignal
  readonly timing?: Partial<InformerTiming>
}

export interface InformerTiming {
  /** Objects per page of a list. */
  readonly pageSize: number
  /** The server is asked to end a watch after this time, so that watches spread over its replicas. */
  readonly watchSeconds: number
  /** A connection that brings nothing for so long is dead: the server itself ends a watch before. */
  readonly quietMs: number
  /** Bounds of the random wait before the next attempt after an error. */
  readonly firstBackoffMs: number
  readonly longestBackoffMs: number
}

export interface WaitOptions {
  readonly signal?: AbortSignal
  /** Look only once the cache has reached this version; give it after a write, or the cache may be older. */
  readonly after?: string
}

/**
 * A live copy of the objects of one kind. Objects are shared: never change them. It survives whatever happens to
 * its connection; what it missed in an outage it delivers afterwards, deletions included.
 */
export interface Informer<T extends StoredObject> {
  /** The first list is in. Rejects when the informer is stopped before. */
  readonly synced: Promise<void>
  /** When something last came from the API server, bookmarks included; milliseconds since 1970, 0 before. */
  readonly lastEventAt: number
  /** `key`: `namespace/name`, or `name` for cluster-scoped kinds. */
  get(key: string): T | undefined
  list(): readonly T[]
  /** Makes an index over the values of each object; gives the function that looks up a value. */
  index(valuesOf: (object: T) => readonly string[]): Lookup<T>
  /**
   * Calls `handler` with an `added` for every object held now and then with every change, after the cache has it.
   * A handler that throws is logged and misses nothing later. Gives the function that ends it.
   */
  subscribe(handler: (change: Change<T>) => void): () => void
  /** Has the cache reached this resource version? False after `timeoutMs` without, or when stopped. */
  reached(resourceVersion: string, timeoutMs: number): Promise<boolean>
  /**
   * Resolves with the object (undefined: there is none) as soon as it satisfies `predicate`. Rejects with the
   * signal's reason, or when the informer is stopped.
   */
  waitFor(
    key: string,
    predicate: (object: T | undefined) => boolean,
    options?: WaitOptions,
  ): Promise<T | undefined>
  /** Ends it; resolves when its connection is closed. */
  stop(): Promise<void>
}
