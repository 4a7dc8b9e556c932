import { setTimeout as sleep } from 'node:timers/promises'

/** What keeps the operator from its work, or what it has to do without. */
export interface Fault {
  /** For programs and Events, as `DefinitionsMissing`. */
  readonly reason: string
  /** A sentence without a full stop. The same fault has the same message, so that it is reported once. */
  readonly message: string
  /** What to do about it. */
  readonly fix: string
}

/** `warnings` are what the operator works without. */
export type CheckResult =
  | { readonly kind: 'met'; readonly warnings?: readonly Fault[] }
  | ({ readonly kind: 'unmet' } & Fault)

/** Something that must hold before the operator touches the cluster. */
export interface Precondition {
  /** As /readyz names it. */
  readonly name: string
  /** Checks before the work begins. May throw and take its time; throws the reason of an aborted signal. */
  check(signal: AbortSignal): Promise<CheckResult>
  /** Checks while the work is under way; unmet ends it. Without it, what was met once is taken for met. */
  recheck?(signal: AbortSignal): Promise<CheckResult>
}

/** One line for people: what is wrong and what to do. */
export function faultText({ message, fix }: Fault): string {
  return `${message}; ${fix}`
}

/** Waits; rejects with the reason of the signal. Injected, so that tests need no time. */
export type Wait = (ms: number, signal: AbortSignal) => Promise<void>

/** Waits by the clock. */
export const pause: Wait = async (ms, signal) => {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted())
}
