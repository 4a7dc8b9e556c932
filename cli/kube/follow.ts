import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'
import { ApiError, ForbiddenError } from './errors.ts'
import { lines } from './lines.ts'
import type { Kind, Place, StoredObject } from './resources.ts'

/** Pause before a connection that ended badly is made anew. */
const pauseMs = 2_000

type Frame<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'ERROR'; readonly object: { readonly code?: number; readonly message?: string } }

/** What is followed. */
export interface Followed {
  readonly kind: Kind
  readonly place: Place
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

/**
 * Tells of all objects that match, first and after every change, until the signal aborts: a list, then a watch from
 * there, then a list again when the watch has ended. A connection that breaks is told of and made anew. Throws
 * ForbiddenError.
 */
export async function follow<T extends StoredObject>(
  cluster: Cluster,
  { kind, place, labelSelector, fieldSelector }: Followed,
  tell: {
    readonly onChange: (objects: readonly T[]) => void
    readonly onTrouble: (why: string) => void
  },
  signal: AbortSignal,
): Promise<void> {
  const selection = { labelSelector, fieldSelector }
  while (!signal.aborted) {
    try {
      const { items, resourceVersion } = await cluster.list<T>(kind, place, selection)
      const objects = new Map(items.map((object) => [object.metadata.uid, object]))
      tell.onChange([...objects.values()])
      const query = { ...selection, watch: true, resourceVersion }
      for await (const line of lines(await cluster.stream('watch', kind, place, query, signal))) {
        const { type, object } = JSON.parse(line) as Frame<T>
        if (type === 'ERROR') throw new ApiError(object.message ?? 'the watch broke', object.code)
        if (type === 'DELETED') objects.delete(object.metadata.uid)
        else objects.set(object.metadata.uid, object)
        tell.onChange([...objects.values()])
      }
    } catch (error) {
      if (error instanceof ForbiddenError) throw error
      if (signal.aborted) return
      tell.onTrouble(error instanceof Error ? error.message : String(error))
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  }
}
