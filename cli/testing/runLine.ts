import type { ExitCode } from '../exitCodes.ts'
import { runCli } from '../runCli.ts'

/** What a command line has written so far. */
export interface Written {
  stdout: string
  stderr: string
}

/** Begins a command line in this process, with no terminal and an empty environment. */
export function startLine(
  line: readonly string[],
  signal: AbortSignal,
): { readonly written: Readonly<Written>; readonly ended: Promise<ExitCode> } {
  const written: Written = { stdout: '', stderr: '' }
  const stream = (name: keyof Written) => {
    const write = (text: string | Uint8Array) => {
      written[name] += typeof text === 'string' ? text : Buffer.from(text).toString()
      return true
    }
    return { write } as unknown as NodeJS.WritableStream
  }
  const surroundings = { stdout: stream('stdout'), stderr: stream('stderr'), env: {}, signal }
  return { written, ended: runCli(line, surroundings) }
}

/** Runs a command line to its end. */
export async function runLine(line: readonly string[]): Promise<Written & { readonly code: ExitCode }> {
  const { written, ended } = startLine(line, new AbortController().signal)
  return { code: await ended, ...written }
}
