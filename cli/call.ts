import type { FlagValues } from './args/parse.ts'
import { CliError } from './exitCodes.ts'
import type { Access, Cluster } from './kube/cluster.ts'
import { structured, type Format } from './output/format.ts'
import { openScreen, type Screen, type Terminal } from './output/screen.ts'
import { createStyle, type Style } from './output/style.ts'
import { TerminalWriter, type Sink } from './output/terminalWriter.ts'

/** A process around a command. */
export interface Surroundings {
  readonly stdout: Terminal & { readonly isTTY?: boolean }
  readonly stderr: Sink
  readonly env: NodeJS.ProcessEnv
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal
}

export type OpenCluster = (access: Access) => Cluster

/** One call of a command: its words, and the ways to the cluster and to the reader. */
export class Call {
  readonly arguments: readonly string[]
  readonly flags: FlagValues
  readonly surroundings: Pick<Surroundings, 'env' | 'signal'>
  /** Where the answer goes. */
  readonly output: TerminalWriter
  readonly style: Style
  readonly #openCluster: OpenCluster
  readonly #notes: TerminalWriter
  readonly #terminal: Terminal | undefined
  #cluster: Cluster | undefined

  constructor(
    line: { flags: FlagValues; arguments: readonly string[] },
    surroundings: Surroundings,
    openCluster: OpenCluster,
  ) {
    this.arguments = line.arguments
    this.flags = line.flags
    const { stdout, stderr, ...others } = surroundings
    this.surroundings = others
    this.output = new TerminalWriter(stdout)
    this.#notes = new TerminalWriter(stderr)
    this.#terminal = stdout.isTTY === true ? stdout : undefined
    this.#openCluster = openCluster
    this.style = createStyle(surroundings)
  }

  /** Value of a flag that takes one. */
  flag(name: string): string | undefined {
    const value = this.flags[name]
    return typeof value === 'string' ? value : undefined
  }

  isSet(name: string): boolean {
    return this.flags[name] === true
  }

  get cluster(): Cluster {
    this.#cluster ??= this.#openCluster({
      kubeconfig: this.flag('kubeconfig'),
      context: this.flag('context'),
      as: this.flag('as'),
    })
    return this.#cluster
  }

  get namespace(): string {
    return this.flag('namespace') ?? this.cluster.namespace
  }

  get format(): Format {
    return (this.flag('output') as Format | undefined) ?? 'text'
  }

  /** Writes a value for programs when that is asked for, else the text for people. */
  print(value: unknown, text: () => string): void {
    this.write(structured(this.format, value) ?? text())
  }

  write(text: string): void {
    this.output.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  /** Takes the terminal over; undefined when the answer goes elsewhere. */
  screen(): Screen | undefined {
    return this.#terminal && openScreen(this.#terminal)
  }

  /** For what a command can do without: why it could not be had is said beside the answer. */
  async orNote<T>(value: T, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      this.note(error.message)
      return value
    }
  }

  /** For people, beside the answer. */
  note(text: string): void {
    this.#notes.write(`${text}\n`)
  }
}
