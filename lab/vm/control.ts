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
 * Gives QEMU one command without arguments over its control socket (QMP: a greeting, then JSON lines) and resolves
 * when it was done. Throws when QEMU refuses it or does not answer.
 */
export async function control(path: string, command: string): Promise<void> {
  const socket = connect({ path, signal: AbortSignal.timeout(patienceMs) })
  const say = (execute: string) => socket.write(`${JSON.stringify({ execute })}\n`)
  try {
    say('qmp_capabilities')
    say(command)
    let returns = 0
    for await (const line of createInterface({ input: socket })) {
      const answer = answerSchema.parse(JSON.parse(line))
      if ('error' in answer) throw new Error(`QEMU refuses ${command}: ${answer.error.desc}`)
      if ('return' in answer && ++returns === 2) return
    }
    throw new Error(`QEMU ended the connection before it did ${command}`)
  } finally {
    socket.destroy()
  }
}
