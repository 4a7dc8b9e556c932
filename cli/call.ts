import type { FlagValues } from './args/parse.ts'
import { CliError } from './exitCodes.ts'
import type { Access, Cluster } from './kube/cluster.ts'
import { structured, type Format } from './output/format.ts'
import type { Terminal } from './output/screen.ts'
import { createStyle, type Style } from './output/style.ts'

/** Where a command writes, and what it may know of the process. */
export interface Surroundings {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean } & Terminal
  readonly stderr: NodeJS.WritableStream
  readonly env: NodeJS.ProcessEnv
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal
}

export type OpenCluster = (access: Access) => Cluster

/** One call of a command: its words, and the ways to the cluster and to the reader. */
export class Call {
  readonly arguments: readonly string[]
  readonly flags: FlagValues
  readonly surroundings: Surroundings
  readonly style: Style
  readonly #openCluster: OpenCluster
  #cluster: Cluster | undefined

  constructor(
    line: { flags: FlagValues; arguments: readonly string[] },
    surroundings: Surroundings,
    openCluster: OpenCluster,
  ) {
    this.arguments = line.arguments
    this.flags = line.flags
    this.surroundings = surroundings
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
    this.surroundings.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
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
    this.surroundings.stderr.write(`${text}\n`)
  }
}
