import type { Call } from '../call.ts'
import type { ExitCode } from '../exitCodes.ts'

/** A flag of the command line; without `value` it is a switch. */
export interface Flag {
  readonly name: string
  readonly short?: string
  /** What stands for its value in help: `FILE`. */
  readonly value?: string
  readonly help: string
  /** The values it takes, when they are known beforehand. */
  readonly choices?: readonly string[]
  /** What of the cluster completes its value. */
  readonly completes?: Completes
}

export interface Argument {
  /** As in help: `MODULE`. */
  readonly name: string
  readonly optional?: true
  readonly completes?: Completes
  readonly choices?: readonly string[]
}

/** Names of the cluster that the shell can complete. */
export type Completes = 'modules' | 'nodes' | 'contexts' | 'namespaces' | 'kernels'

/** A sub-command, which is everything help, completion and the reference say of it. */
export interface Command {
  readonly name: string
  readonly arguments: readonly Argument[]
  /** One line, no full stop. */
  readonly summary: string
  /** What it does and shows, in sentences. */
  readonly help: string
  readonly flags: readonly Flag[]
  readonly examples: readonly string[]
  /** What `-o wide` adds, as in "with ..."; without it the command knows json and yaml alone. */
  readonly wide?: string
  /** Of the flags that all commands have, those without a meaning here. */
  readonly without?: readonly string[]
  /** Loaded when it is called: a completion or a help text needs none of it. */
  readonly load: () => Promise<Run>
}

/** Does the command; throws a CliError, or what the API server answers. */
export type Run = (call: Call) => Promise<ExitCode>
