import { once } from 'node:events'
import { basename, join } from 'node:path'
import { logTail } from '../../lab/logTail.ts'
import { startOperator, type OperatorSettings } from '../../lab/operator.ts'
import { createSupervisor, type ManagedProcess, type Supervisor } from '../../lab/supervisor.ts'
import type { TestFolder } from '../../lab/testFolder.ts'
import type { LabState } from '../../lab/state.ts'
import { keepLog } from './planted.ts'

/** What an operator is started with. */
export interface OperatorSurroundings {
  readonly state: LabState
  /** The image of the operator and the loader, in the lab's registry. */
  readonly workerImage: string
  readonly folder: TestFolder
}

/** The operator as a process of its own, started as `npm start` does it. */
export class Operator {
  readonly #lab: OperatorSurroundings
  #settings: OperatorSettings
  #run:
    | { readonly process: ManagedProcess; readonly supervisor: Supervisor; readonly dead: EventTarget }
    | undefined
  readonly #logs: string[] = []

  readonly #name: string

  /** `settings`: more of the operator's configuration. `name`: tells replicas apart. */
  constructor(lab: OperatorSurroundings, settings: OperatorSettings, name: string) {
    this.#lab = lab
    this.#settings = settings
    this.#name = name
  }

  /** Resolves when it has its caches and Temporal; nothing happens when it runs already. */
  async start(): Promise<void> {
    if (this.#run !== undefined) return
    const { state, folder, workerImage } = this.#lab
    const dir = join(folder.dir, `${this.#name}-${this.#logs.length}`)
    const dead = new EventTarget()
    const supervisor = createSupervisor({ dir, onDeath: () => dead.dispatchEvent(new Event('dead')) })
    const { kubernetes, temporal, images } = state
    const started = await startOperator({
      dir,
      supervisor,
      kubeconfig: kubernetes.kubeconfig,
      temporal,
      image: workerImage,
      ...(images === null ? {} : { executor: images.kaniko }),
      settings: this.#settings,
    })
    this.#logs.push(started.logFile)
    this.#run = { process: started, supervisor, dead }
  }

  /** Ends it and starts it with another configuration. */
  async restartWith(settings: OperatorSettings): Promise<void> {
    await this.stop()
    this.#settings = settings
    await this.start()
  }

  /** Ends it as Kubernetes does: SIGTERM. */
  async stop(): Promise<void> {
    await this.#run?.supervisor.stop()
    this.#run = undefined
    for (const file of this.#logs) keepLog(this.#lab.state, file, basename(this.#lab.folder.dir))
  }

  /** Ends it as a power cut does. */
  async kill9(): Promise<void> {
    if (this.#run === undefined) throw new Error('the operator does not run')
    const {
      process: { pid },
      supervisor,
      dead,
    } = this.#run
    const gone = once(dead, 'dead')
    process.kill(pid, 'SIGKILL')
    await gone
    await supervisor.stop()
    this.#run = undefined
  }

  /** One for each of its lives. */
  get logFiles(): readonly string[] {
    return this.#logs
  }

  /** The end of its log, over all its lives. */
  log(lines?: number): string {
    return operatorLog(this.#logs, lines)
  }
}

/** The last lines of each of an operator's logs. */
export function operatorLog(files: readonly string[], lines = 60): string {
  return files.map((file) => `== ${file}\n${logTail(file, lines).join('\n')}`).join('\n')
}
