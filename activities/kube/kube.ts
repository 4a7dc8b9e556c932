import type { LinePiece } from './lines.ts'
import type { ObjectRef, Resource, StoredObject } from './resources.ts'
import type { RequestCounts, Transport } from './transport.ts'

/**
 * What became of a write. `gone`: the object is not there, or is another one than the uid that was asked for.
 * `modified`: the resourceVersion that was asked for is not the current one. The reader of both looks again.
 */
export type Written<T> =
  | { readonly kind: 'written'; readonly object: T }
  | { readonly kind: 'gone' }
  | { readonly kind: 'modified' }

/** What becomes of a create; `exists` carries the object that has the name. */
export type Created<T> =
  | { readonly kind: 'created'; readonly object: T }
  | { readonly kind: 'exists'; readonly object: T }

/** `notFound`: it was gone already. `otherUid`: the name belongs to another object by now, which was not touched. */
export type Deleted = 'deleted' | 'notFound' | 'otherUid'

/**
 * A body to write. `metadata.uid` and `metadata.resourceVersion` are preconditions the API server checks: with a
 * uid nothing is created and no other object is touched; a resourceVersion must be the current one (but an apply
 * with a resourceVersion alone creates an object that is not there).
 */
export interface WriteBody {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectRef & Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

/** A merge patch; `metadata.uid` and `metadata.resourceVersion` are preconditions as in WriteBody. */
export interface MergePatch {
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

export interface ApplyOptions {
  readonly fieldManager: string
  /** Take over fields of other managers. */
  readonly force: boolean
  readonly subresource?: 'status'
}

export interface PatchOptions {
  readonly subresource?: 'status'
}

export interface Selection {
  /** All namespaces when left out. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly signal?: AbortSignal
}

export interface Page<T> {
  readonly items: T[]
  readonly resourceVersion: string
}

export interface LogSelection {
  readonly container: string
  /** Only the last lines. */
  readonly tailLines?: number
  /** Only the first bytes. */
  readonly limitBytes?: number
  readonly signal?: AbortSignal
}

/**
 * Client of one Kubernetes API server. Everything it throws is a KubeError (or the reason of the signal that was
 * given); `toFailure` makes a Temporal failure of that. Times in objects are ISO strings.
 */
export interface Kube {
  readonly server: string
  readonly requests: RequestCounts
  /** For requests that have no method here, and for watches. */
  readonly transport: Transport
  /** The object, or undefined when there is none. */
  get<T extends StoredObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    signal?: AbortSignal,
  ): Promise<T | undefined>
  /** All objects of a kind that match. */
  list<T extends StoredObject>(resource: Resource<T>, selection?: Selection): Promise<Page<T>>
  /** The same in pages of `limit` objects, so that a large list is never in memory whole; 0: all in one page. */
  pages<T extends StoredObject>(
    resource: Resource<T>,
    selection: Selection,
    limit: number,
  ): AsyncGenerator<Page<T>>
  /** Makes an object; a taken name is a result, so that a repeated activity finds what it made before. */
  create<T extends StoredObject>(resource: Resource<T>, body: WriteBody): Promise<Created<T>>
  /**
   * Server-side apply. `body` is the whole intent of this field manager: what it leaves out is given up.
   */
  applyObject<T extends StoredObject>(body: WriteBody, options: ApplyOptions): Promise<Written<T>>
  /** JSON merge patch: null removes a field, lists are replaced whole. */
  patch<T extends StoredObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    body: MergePatch,
    options?: PatchOptions,
  ): Promise<Written<T>>
  /** Replaces the whole object. */
  replace<T extends StoredObject>(resource: Resource<T>, body: WriteBody): Promise<Written<T>>
  /** Asks for deletion of the object with this uid; dependents follow in the background. */
  delete(
    resource: Resource<StoredObject>,
    ref: ObjectRef,
    precondition: { readonly uid: string; readonly gracePeriodSeconds?: number },
  ): Promise<Deleted>
  /** The log so far, or undefined when there is none: no pod, or the container has not started. */
  podLog(ref: ObjectRef, selection: LogSelection): Promise<string | undefined>
  /**
   * The lines of a log as they are written, some at a time, until the container ends; none when there is no log yet. A
   * line over 16,384 characters comes in pieces. A broken connection throws; abort the signal to stop.
   */
  followPodLog(ref: ObjectRef, selection: LogSelection): AsyncGenerator<readonly LinePiece[]>
  /** Ends all connections. */
  close(): Promise<void>
}
