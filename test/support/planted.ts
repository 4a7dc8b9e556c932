import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, linkSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { registryLogin } from '../../lab/registry.ts'
import type { LabState } from '../../lab/state.ts'

/** With this every secret begins that tests plant; it stands nowhere else. */
const mark = 'kmm-planted-secret-'

/** A value for a Secret of a test, by which it is known wherever it turns up. */
export function planted(): string {
  return `${mark}${randomBytes(16).toString('hex')}`
}

/** What betrays a planted secret: its mark, and the password of the lab's registries, also in base64 at any offset. */
const traces: readonly string[] = [mark, registryLogin.password].flatMap((text) => [
  text,
  ...[0, 1, 2].map((before) => base64Within(text, before)),
])

/** Where planted secrets turn up in a text, each with what stands before it. */
export function plantedIn(text: string): string[] {
  return traces.flatMap((trace) => {
    const at = text.indexOf(trace)
    return at === -1 ? [] : [`...${text.slice(Math.max(0, at - 200), at + trace.length)}`]
  })
}

/** The characters of base64 that depend on a text alone, with so many bytes before it and any after it. */
function base64Within(text: string, before: number): string {
  const encoded = Buffer.from(`${'.'.repeat(before)}${text}`).toString('base64')
  const whole = Math.floor(((before + Buffer.byteLength(text)) * 8) / 6)
  return encoded.slice(Math.ceil((before * 8) / 6), whole)
}

const keptPrefix = 'kept-operator-'

/** Keeps the logs of an operator, which go with its pod or its test, until the lab ends. */
export function keepLog(state: Pick<LabState, 'logs'>, file: string, name: string): void {
  if (!existsSync(file)) return
  const kept = join(state.logs, `${keptPrefix}${name}-${basename(file)}`)
  if (existsSync(kept)) return
  try {
    linkSync(file, kept)
  } catch {
    // Of another file system: what it has written by now.
    copyFileSync(file, kept)
  }
}

/** All logs of one container, those that were rotated or are of former processes, too. */
export function siblingsOf(file: string): string[] {
  const folder = dirname(file)
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
}

/** Names of the kept logs of operators. */
export function keptLogs(state: Pick<LabState, 'logs'>): string[] {
  return readdirSync(state.logs)
    .filter((name) => name.startsWith(keptPrefix))
    .map((name) => join(state.logs, name))
}
