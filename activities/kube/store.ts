import { keyOf, type StoredObject } from './resources.ts'

/** What happened to one object. `object` of `deleted` is the last state that is known. */
export type Change<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly old: T }
  | { readonly type: 'deleted'; readonly object: T }

/** Finds the objects that have `value` among their index values. */
export type Lookup<T> = (value: string) => readonly T[]

/** The objects of one kind, by key, with indexes. Every method gives the changes it made, in their order. */
export interface Store<T extends StoredObject> {
  get(key: string): T | undefined
  list(): readonly T[]
  index(valuesOf: (object: T) => readonly string[]): Lookup<T>
  set(object: T): readonly Change<T>[]
  remove(object: T): readonly Change<T>[]
  /**
   * Makes the store what a list found. An object deleted and made again under its name is a deletion and an
   * addition, and what is not in the list is a deletion.
   */
  replace(objects: ReadonlyMap<string, T>): readonly Change<T>[]
}

interface Index<T> {
  readonly valuesOf: (object: T) => readonly string[]
  readonly keys: Map<string, Set<string>>
}

/** An empty store. */
export function createStore<T extends StoredObject>(): Store<T> {
  const objects = new Map<string, T>()
  const indexes: Index<T>[] = []

  function enter(index: Index<T>, key: string, object: T): void {
    for (const value of index.valuesOf(object)) {
      const keys = index.keys.get(value)
      if (keys === undefined) index.keys.set(value, new Set([key]))
      else keys.add(key)
    }
  }

  function leave(index: Index<T>, key: string, object: T): void {
    for (const value of index.valuesOf(object)) {
      const keys = index.keys.get(value)
      keys?.delete(key)
      if (keys?.size === 0) index.keys.delete(value)
    }
  }

  function set(object: T): readonly Change<T>[] {
    const key = keyOf(object)
    const old = objects.get(key)
    const { uid, resourceVersion } = object.metadata
    if (old?.metadata.uid === uid && old.metadata.resourceVersion === resourceVersion) return []
    for (const index of indexes) {
      if (old !== undefined) leave(index, key, old)
      enter(index, key, object)
    }
    objects.set(key, object)
    if (old === undefined) return [{ type: 'added', object }]
    if (old.metadata.uid === uid) return [{ type: 'updated', object, old }]
    return [
      { type: 'deleted', object: old },
      { type: 'added', object },
    ]
  }

  function remove(object: T): readonly Change<T>[] {
    const key = keyOf(object)
    const old = objects.get(key)
    if (old === undefined) return []
    for (const index of indexes) leave(index, key, old)
    objects.delete(key)
    return [{ type: 'deleted', object: old.metadata.uid === object.metadata.uid ? object : old }]
  }

  return {
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    index(valuesOf) {
      const index: Index<T> = { valuesOf, keys: new Map() }
      for (const [key, object] of objects) enter(index, key, object)
      indexes.push(index)
      return (value) =>
        [...(index.keys.get(value) ?? [])].flatMap((key) => {
          const object = objects.get(key)
          return object === undefined ? [] : [object]
        })
    },
    set,
    remove,
    replace(listed) {
      const missing = [...objects].filter(([key]) => !listed.has(key))
      return [
        ...missing.flatMap(([, object]) => remove(object)),
        ...[...listed.values()].flatMap((object) => set(object)),
      ]
    },
  }
}
