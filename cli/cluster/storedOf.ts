import { parseModule, type StoredModule } from '../../api/readModule.ts'
import type { StoredObject } from '../kube/resources.ts'

/** What stands in a Module about itself, also in one that cannot be read. */
export function storedOf(object: StoredObject): StoredModule {
  const parsed = parseModule(object)
  if (parsed.ok) return parsed.module
  const { name, namespace = '', uid, resourceVersion } = object.metadata
  return parsed.unreadable ?? { metadata: { name, namespace, uid, resourceVersion } }
}
