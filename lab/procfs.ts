import { readdirSync, readFileSync } from 'node:fs'

/** A process that cannot be confused with a later one of the same number: pid, start (clock ticks since boot), boot. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTicks: number
  readonly bootId: string
}

/** Identity of a running process, or null when there is none with this pid (a zombie counts as none). */
export function identify(pid: number): ProcessIdentity | null {
  const fields = statOf(pid)
  return fields === null ? null : { pid, startTicks: Number(fields[19]), bootId: bootId() }
}

/** Whether a process group has a living member. */
export function groupIsAlive(group: number): boolean {
  return readdirSync('/proc').some(
    (entry) => /^\d+$/.test(entry) && Number(statOf(Number(entry))?.[2]) === group,
  )
}

/** Process ids of the living children of a process. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(statOf(Number(entry))?.[1]) === pid)
    .map(Number)
}

/** The fields of /proc/PID/stat from the third on: state, parent, group ...; null for zombies and nobody. */
function statOf(pid: number): readonly string[] | null {
  const stat = readText(`/proc/${pid}/stat`)
  if (stat === null) return null
  // The second field is the command in parentheses and may hold anything: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? null : fields
}

/** Whether exactly this process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid)
  return now !== null && now.startTicks === identity.startTicks && now.bootId === identity.bootId
}

/** The kernel's id of this boot, as in a Node's status.nodeInfo.bootID. */
export function bootId(): string {
  return readText('/proc/sys/kernel/random/boot_id')?.trim() ?? 'unknown'
}

/** Name of a process for people: its command line's first word, or the kernel's short name. */
export function processName(pid: number): string {
  const command = readText(`/proc/${pid}/cmdline`)?.split('\0')[0]
  return command || (readText(`/proc/${pid}/comm`)?.trim() ?? 'unknown')
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
