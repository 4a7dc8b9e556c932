/** What the exit code tells scripts; docs/kubectl-kmod.md has the same table. */
export const exitCodes = {
  /** Done, or: all is as it should be. */
  ok: 0,
  /** The command could not be carried out: no connection, an answer that cannot be used. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The Module, node, file or run that is named does not exist. */
  notFound: 3,
  /** The answer is no: something fails (`why`), nothing is held (`retry`), no image (`resolve`), invalid (`plan`), refused (`uninstall`). */
  no: 4,
  /** Nothing fails, and it is not done yet (`why`, `uninstall`). */
  notYet: 5,
  /** The API server refuses it to this user. */
  forbidden: 6,
} as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends a command with a sentence for the user and an exit code. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode
  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
