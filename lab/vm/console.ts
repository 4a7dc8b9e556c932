import { randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a command in the guest did: stdout and stderr together (at most the last MiB), and its exit status. */
export interface GuestResult {
  readonly output: string
  readonly status: number
}

/** Runs commands in the guest, as root, over a port of its own: kernel messages do not come between. */
export interface GuestConsole {
  /**
   * Runs a shell command and resolves when it has ended, whatever its exit status; it is ended after `timeoutMs`
   * (default 30 s). Commands run one after the other. Throws MachineOff when QEMU does not run, else an error when
   * the command does not end in time or the guest does not answer.
   */
  run(command: string, timeoutMs?: number): Promise<GuestResult>
}

/** A request as the guest's agent reads it. */
export const request = (id: string, command: string, timeoutMs: number): string =>
  `${id} ${Math.max(1, Math.ceil(timeoutMs / 1000))} ${Buffer.from(command).toString('base64')}\n`

/** A question that only asks whether the agent is there; it may be asked more than once. */
export const greeting = (id: string): string => `${id} 0 -\n`

/** The answer in a line from the agent, or null when the line is none, or belongs to another request. */
export const answer = (id: string, line: string): GuestResult | null => {
  const match = /^(\S+) (\d+) ([A-Za-z0-9+/]*={0,2})$/.exec(line)
  if (match === null || match[1] !== id) return null
  return { output: Buffer.from(match[3] ?? '', 'base64').toString('utf8'), status: Number(match[2]) }
}

/** Exit status of `timeout` for a program it ended. */
const endedByTimeout = 124
/** The guest may be slow to start and to end a command. */
const graceMs = 10_000

/**
 * The console behind an agent's socket. Each command has its own connection, so several processes may use one
 * machine at the same time. `diagnose`: what is known of the machine when it does not answer.
 */
export function openConsole(path: string, diagnose: () => string = () => ''): GuestConsole {
  let turn: Promise<unknown> = Promise.resolve()
  const exchange = async (command: string, timeoutMs: number): Promise<GuestResult> => {
    const what = command.length > 80 ? `${command.slice(0, 77)}...` : command
    const over = AbortSignal.timeout(timeoutMs + graceMs)
    const id = randomUUID()
    let socket: Socket | undefined
    try {
      socket = await connected(path, over)
      // What is sent to a guest that restarts is lost: the command goes, once, to an agent that has answered.
      const greetings = repeat(socket, greeting(id))
      let greeted = false
      // An abort ends the lines without an error.
      for await (const line of createInterface({ input: socket, signal: over })) {
        const result = answer(greeted ? `${id}.run` : id, line)
        if (result === null) continue
        if (greeted && result.status === endedByTimeout) {
          throw new GuestTimeout(`"${what}" did not end within ${timeoutMs / 1000} s: ${result.output}`)
        }
        if (greeted) return result
        greeted = true
        clearInterval(greetings)
        socket.write(request(`${id}.run`, command, timeoutMs))
      }
      throw new Error(over.aborted ? `no answer within ${(timeoutMs + graceMs) / 1000} s` : 'it stopped')
    } catch (error) {
      if (error instanceof GuestTimeout || error instanceof MachineOff) throw error
      const why = error instanceof Error ? error.message : String(error)
      throw new Error(`the virtual machine did not run "${what}": ${why}${diagnose()}`, { cause: error })
    } finally {
      socket?.destroy()
    }
  }
  return {
    run(command, timeoutMs = 30_000) {
      const result = turn.then(() => exchange(command, timeoutMs))
      turn = result.catch(() => undefined)
      return result
    },
  }
}

/** Writes a line now and every second, until the interval is cleared or the socket closed. */
function repeat(socket: Socket, line: string): NodeJS.Timeout {
  socket.write(line)
  const interval = setInterval(() => socket.write(line), 1000)
  socket.once('close', () => clearInterval(interval))
  return interval
}

class GuestTimeout extends Error {}

/** Nothing listens at the machine's socket: QEMU does not run. */
export class MachineOff extends Error {
  override readonly name = 'MachineOff'
}

/** QEMU listens long before this when it starts or restarts. */
const listenPatienceMs = 5_000

/** Connects as soon as QEMU takes one more client. Throws MachineOff. */
async function connected(path: string, over: AbortSignal): Promise<Socket> {
  const since = performance.now()
  for (;;) {
    const socket = connect({ path })
    const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      socket.once('connect', () => resolve(null))
      socket.once('error', resolve)
    })
    if (failure === null) {
      // What breaks later ends the lines read from it.
      socket.on('error', () => socket.destroy())
      return socket
    }
    const off = failure.code === 'ECONNREFUSED' || failure.code === 'ENOENT'
    if (off && performance.now() > since + listenPatienceMs) throw new MachineOff('QEMU does not run')
    if (over.aborted || !(off || failure.code === 'EAGAIN')) throw failure
    await sleep(50)
  }
}
