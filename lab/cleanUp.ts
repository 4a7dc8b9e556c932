import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LedgerEntry, openLedger } from './ledger.ts'
import { removeDevice } from './network.ts'
import { isRunning } from './procfs.ts'

/**
 * Takes away everything the ledger of `dir` names, the last recorded first: what a lab that was killed left
 * behind, or what is left when its programs have ended. Returns what it removed, in words. Throws when something
 * cannot be removed; the rest stays in the ledger for the next time.
 */
export async function cleanUp(dir: string): Promise<readonly string[]> {
  const ledger = openLedger(dir)
  const removed: string[] = []
  for (const entry of ledger.entries().toReversed()) {
    if (await remove(entry)) removed.push(`${entry.kind} ${entry.name}`)
    ledger.forget(entry)
  }
  return removed
}

async function remove(entry: LedgerEntry): Promise<boolean> {
  switch (entry.kind) {
    case 'process':
      if (!isRunning(entry)) return false
      process.kill(-entry.pid, 'SIGKILL')
      await until(() => !isRunning(entry), `${entry.name} (pid ${entry.pid}) does not die`)
      return true
    case 'device':
      return await removeDevice(entry.name)
    case 'cgroup':
      return await removeCgroup(entry.name)
  }
}

/** Removes a cgroup with all below it from every hierarchy, as soon as its last process is gone. */
async function removeCgroup(name: string): Promise<boolean> {
  const roots = cgroupRoots()
    .map((root) => join(root, name))
    .filter((root) => existsSync(root))
  for (const root of roots) {
    await until(() => removeTree(root), `the cgroup ${root} cannot be removed: processes are left in it`)
  }
  return roots.length > 0
}

function cgroupRoots(): string[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([, path = '', type]) => (type === 'cgroup' || type === 'cgroup2' ? [path] : []))
}

/** Removes a folder of folders from the leaves up; false when one is in use. */
function removeTree(folder: string): boolean {
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const empty = below.map(({ name }) => removeTree(join(folder, name))).every(Boolean)
  if (!empty) return false
  try {
    rmdirSync(folder)
    return true
  } catch {
    return false
  }
}

async function until(condition: () => boolean, otherwise: string): Promise<void> {
  const deadline = performance.now() + 15_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(otherwise)
    await sleep(50)
  }
}
