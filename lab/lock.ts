import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { identify, isRunning, type ProcessIdentity } from './procfs.ts'

/** The process that runs (or starts, or stops) the lab in `dir`, or null. */
export function labProcess(dir: string): ProcessIdentity | null {
  const identity = readLock(join(dir, 'run', 'lab.json'))
  return identity !== null && isRunning(identity) ? identity : null
}

/**
 * Claims `dir` for this process until it ends or calls the function returned. Throws when a living process has it;
 * a dead one's claim is taken over.
 */
export function lockLab(dir: string): () => void {
  const file = join(dir, 'run', 'lab.json')
  mkdirSync(join(dir, 'run'), { recursive: true })
  const holder = labProcess(dir)
  if (holder !== null) {
    throw new Error(
      `a lab runs in ${dir} already (pid ${holder.pid}): use it, or end it with npm run lab -- down`,
    )
  }
  rmSync(file, { force: true })
  // Exclusive: of two processes that start at once, one fails here.
  const descriptor = openSync(file, 'wx')
  writeSync(descriptor, JSON.stringify(identify(process.pid)))
  closeSync(descriptor)
  return () => rmSync(file, { force: true })
}

function readLock(file: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity
  } catch {
    return null
  }
}
