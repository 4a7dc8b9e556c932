import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** A program that failed, with the end of what it wrote. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

/**
 * Runs a program to its end and resolves with what it wrote to its standard output. Rejects with
 * CommandFailed.
 */
export async function run(
  [program, ...line]: readonly [string, ...string[]],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, line, { ...options, maxBuffer: 256 * 1024 * 1024 })
    return stdout
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
    const why = stderr === '' ? String(error) : stderr.split('\n').slice(-15).join('\n')
    throw new CommandFailed(`${program} ${line[0] ?? ''}: ${why}`, { cause: error })
  }
}
