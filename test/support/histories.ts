import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkflowHandle } from '@temporalio/client'

const folder = join(import.meta.dirname, '../histories')

/** A recorded history, for `Worker.runReplayHistory`. */
export interface RecordedHistory {
  readonly name: string
  readonly history: unknown
}

/** All histories in test/histories. */
export function recordedHistories(): RecordedHistory[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => ({
      name: file.replace(/\.json$/, ''),
      history: JSON.parse(readFileSync(join(folder, file), 'utf8'), fromFile) as unknown,
    }))
}

/** Writes the history of a run to test/histories/NAME.json, without what tells of the machine it ran on. */
export async function recordHistory(run: Pick<WorkflowHandle, 'fetchHistory'>, name: string): Promise<void> {
  const history = toFile(await run.fetchHistory())
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(history)}\n`)
}

/**
 * Messages of the protocol as JSON: bytes as the text they hold, 64-bit numbers as numbers. (The SDK's own
 * historyToJSON fails where two copies of protobufjs are installed.)
 */
function toFile(value: unknown, key = ''): unknown {
  if (value instanceof Uint8Array) return { bytes: withoutAddresses(Buffer.from(value).toString('utf8')) }
  if (Array.isArray(value)) return value.map((item) => toFile(item))
  if (typeof value !== 'object' || value === null) return key === 'identity' ? 'worker' : value
  // A worker's own queue has the name of its host.
  const { normalName } = value as { normalName?: unknown }
  if (typeof normalName === 'string' && normalName !== '') return { name: normalName }
  const { low, high } = value as { low?: unknown; high?: unknown }
  if (typeof low === 'number' && typeof high === 'number') return high * 2 ** 32 + (low >>> 0)
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, toFile(field, name)]))
}

function fromFile(_key: string, value: unknown): unknown {
  const bytes = (value as { bytes?: unknown } | null)?.bytes
  return typeof bytes === 'string' ? Buffer.from(bytes) : value
}

/** Payloads are JSON; in a lab they name its registry. */
function withoutAddresses(text: string): string {
  return text.replace(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?/g, 'registry.example')
}
