import { execFile } from 'node:child_process'

/** A command that was run to its end. */
export interface CommandResult {
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program to its end by argv. Throws an error with the program, its arguments' first word and what it
 * wrote to stderr when it cannot be started or its exit code is not 0.
 */
export async function run(
  command: readonly [string, ...string[]],
  options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
): Promise<CommandResult> {
  const [program, ...args] = command
  return await new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { env: { ...process.env, ...options.env }, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr })
        else {
          const why = stderr.trim() || stdout.trim() || error.message
          reject(new Error(`${program} ${args[0] ?? ''} failed: ${why}`, { cause: error }))
        }
      },
    )
    child.stdin?.end(options.input)
  })
}
