import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const entrySchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('process'),
    name: z.string(),
    pid: z.number(),
    startTicks: z.number(),
    bootId: z.string(),
  }),
  /** A network device by its name. */
  z.object({ kind: z.literal('device'), name: z.string() }),
  /** A cgroup by its path below every hierarchy of /sys/fs/cgroup. */
  z.object({ kind: z.literal('cgroup'), name: z.string() }),
])

/** Something the lab has on the machine outside its own folder, and must take away again. */
export type LedgerEntry = z.infer<typeof entrySchema>

/**
 * The list of what a lab has on the machine, one small file each, so that it survives a kill -9 at any moment.
 * A device or cgroup is recorded before it is made, a process right after (until then its parent's
 * death ends it).
 */
export interface Ledger {
  record(entry: LedgerEntry): void
  forget(entry: Pick<LedgerEntry, 'kind' | 'name'>): void
  /** In the order they were recorded. */
  entries(): readonly LedgerEntry[]
}

/** Opens (and makes) the ledger in `<dir>/run`. */
export function openLedger(dir: string): Ledger {
  const folder = join(dir, 'run')
  mkdirSync(folder, { recursive: true })
  const prefixOf = (entry: Pick<LedgerEntry, 'kind' | 'name'>) =>
    `${entry.kind}-${encodeURIComponent(entry.name)}.json`
  const files = () =>
    readdirSync(folder)
      .filter((file) => /^\d+-(process|device|cgroup)-.*\.json$/.test(file))
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  let next = 1 + Math.max(0, ...files().map((file) => Number.parseInt(file, 10)))
  const forget: Ledger['forget'] = (entry) => {
    for (const file of files()) {
      if (file.replace(/^\d+-/, '') === prefixOf(entry)) rmSync(join(folder, file), { force: true })
    }
  }
  return {
    record(entry) {
      forget(entry)
      const file = join(folder, `${next++}-${prefixOf(entry)}`)
      writeFileSync(`${file}.new`, JSON.stringify(entry))
      renameSync(`${file}.new`, file)
    },
    forget,
    entries: () =>
      files().map((file) => entrySchema.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')))),
  }
}
