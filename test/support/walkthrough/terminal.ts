import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

/** How something that was typed ended, and what the terminal shows of it. */
export interface Ended {
  readonly code: number
  readonly output: string
}

/** Something that was typed and goes on. */
export interface Running {
  /** What the terminal shows so far. */
  output(): string
  /** Ctrl-C: SIGINT for everything that runs in the terminal. */
  interrupt(): void
  readonly ended: Promise<Ended>
}

/** Where a person types commands for bash. What is exported stays for what is typed later. */
export class Terminal {
  #env: Readonly<Record<string, string>>
  readonly #running = new Set<ChildProcess>()

  /** `env`: all of it; the first commands run in its PWD. */
  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env
  }

  /** Types some lines. They end at the first that fails. */
  start(lines: string): Running {
    const script = `exec 2>&1; trap 'env -0 >&3' EXIT\n${lines}`
    const child = spawn('bash', ['-e', '-c', script], {
      cwd: this.#env['PWD'],
      env: this.#env,
      // A group of its own, as a terminal makes it.
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    })
    this.#running.add(child)
    const [, stdout, , variables] = child.stdio as unknown as [null, Readable, null, Readable]
    let output = ''
    stdout.setEncoding('utf8').on('data', (chunk: string) => void (output += chunk))
    const ended = Promise.all([
      text(variables),
      once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    ]).then(([exported, [code]]) => {
      this.#running.delete(child)
      if (exported !== '') this.#env = environmentOf(exported)
      return { code: code ?? -1, output }
    })
    return { output: () => output, interrupt: () => signal(child, 'SIGINT'), ended }
  }

  /** Types some lines and waits for the prompt. */
  async run(lines: string): Promise<Ended> {
    return await this.start(lines).ended
  }

  /** Ends what still runs. */
  close(): void {
    for (const child of this.#running) signal(child, 'SIGKILL')
  }
}

function signal({ pid, exitCode, signalCode }: ChildProcess, name: NodeJS.Signals): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, name)
}

/** From what `env -0` prints. */
function environmentOf(text: string): Record<string, string> {
  const entries = text.split('\0').filter((entry) => entry !== '')
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
}
