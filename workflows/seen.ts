import type { Seen } from '../activities/contract.ts'
import { newer } from '../api/resourceVersion.ts'

/** What is known after some news: of each kind the newest resourceVersion. */
export function mergeSeen(known: Seen, news: Seen): Seen {
  const merged: Record<string, string> = { ...known }
  for (const [kind, version] of Object.entries(news)) {
    const before = merged[kind]
    if (before === undefined || newer(version, before)) merged[kind] = version
  }
  return merged
}
