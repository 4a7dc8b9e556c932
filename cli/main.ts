import { inspect } from 'node:util'
import { exitCodes } from './exitCodes.ts'
import { TerminalWriter } from './output/terminalWriter.ts'
import { runCli } from './runCli.ts'

const ending = new AbortController()
/** Time for a command to end in order; one that waits for an answer does not hear of it. */
const graceMs = 500
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    ending.abort()
    setTimeout(() => process.exit(130), graceMs).unref()
  })
}
// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const { stdout, stderr, env } = process
const code = await runCli(process.argv.slice(2), { stdout, stderr, env, signal: ending.signal }).catch(
  (error: unknown) => {
    // Node would write it as it is.
    new TerminalWriter(stderr).write(`${inspect(error)}\n`)
    return exitCodes.failed
  },
)
// Connections that idle must not keep a command from ending.
stdout.write('', () => process.exit(code))
