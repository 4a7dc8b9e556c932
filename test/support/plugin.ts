import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

const entry = join(import.meta.dirname, '../../cli/kubectl-kmod.js')

/** How a call of the plugin ended. */
export interface PluginResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Starts the plugin as users do, as a process of its own. */
export function startPlugin(
  line: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [entry, ...line], { env: { ...process.env, ...env } })
}

/** Starts the plugin with a terminal of its own, whose output is `stdout`. */
export function startOnTerminal(
  line: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcessWithoutNullStreams {
  const command = [process.execPath, entry, ...line].join(' ')
  return spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, TERM: 'xterm', ...env } })
}

/** Runs the plugin to its end. */
export async function plugin(line: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<PluginResult> {
  const child = startPlugin(line, env)
  child.stdin.end()
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ])
  return { code: code ?? -1, stdout, stderr }
}
