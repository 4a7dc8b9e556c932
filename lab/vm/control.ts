import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { z } from 'zod'

const answerSchema = z.union([
  z.object({ return: z.unknown() }),
  z.object({ error: z.object({ desc: z.string() }) }),
  z.object({ QMP: z.unknown() }),
  z.object({ event: z.string() }),
])

const patienceMs = 5_000

/**
 * Ends QEMU at once, as if the power failed, over its control socket (QMP: a greeting, then JSON lines). Resolves when
 * QEMU has said yes or has gone; throws when it refuses or does not answer.
 */
export async function quit(path: string): Promise<void> {
  const socket = connect({ path, signal: AbortSignal.timeout(patienceMs) })
  const say = (execute: string) => socket.write(`${JSON.stringify({ execute })}\n`)
  try {
    say('qmp_capabilities')
    say('quit')
    let returns = 0
    for await (const line of createInterface({ input: socket })) {
      const answer = answerSchema.parse(JSON.parse(line))
      if ('error' in answer) throw new Error(`QEMU refuses to end: ${answer.error.desc}`)
      if ('return' in answer && ++returns === 2) return
    }
  } finally {
    socket.destroy()
  }
}
