import type { WorkflowHandle } from '@temporalio/client'
import type { ModuleActivities, ModuleView } from '../../../activities/contract.ts'
import { useTemporalRuns } from '../../testing/temporalRuns.ts'
import type { module } from '../workflow.ts'

/** What a Module's own run does is simulated: nodes are a number, and so is what status says of them. */
export class SimulatedModule implements ModuleActivities {
  life: ModuleView['module'] = 'alive'
  /** How many nodes have loaded it. */
  loaded = 0
  /** The same as status has it. */
  written: number | undefined
  /** What a person asks for. */
  asked: { cancel?: string; retry?: string; rebuild?: string } = {}
  remains: string[] = []
  /** Everything that was written, in order. */
  readonly writes: string[] = []
  /** What happens while status is written, one for each write. */
  readonly meanwhile: (() => Promise<void> | void)[] = []

  async readModule() {
    const { life, remains, asked, loaded, written } = this
    const summary = `Loaded on ${loaded} nodes.`
    const view: ModuleView = { module: life, remains, ...asked, outdated: loaded !== written, summary }
    return { uid: 'uid-1', view }
  }
  async summarizeModule() {
    this.written = this.loaded
    await this.meanwhile.shift()?.()
    return this.#wrote(`status ${this.written}`)
  }
  async guardModule() {
    this.life = 'alive'
    return this.#wrote('finalizer on')
  }
  async takeCancel() {
    const { cancel, ...rest } = this.asked
    this.asked = rest
    return this.#wrote(`cancel ${cancel}`)
  }
  async takeRetry() {
    const { retry, ...rest } = this.asked
    this.asked = rest
    return this.#wrote(`retry ${retry}`)
  }
  async takeRebuild() {
    const { rebuild, ...rest } = this.asked
    this.asked = rest
    return this.#wrote(`rebuild ${rebuild}`)
  }
  async releaseModule() {
    this.life = 'gone'
    this.#wrote('finalizer off')
  }

  #wrote(what: string) {
    this.writes.push(what)
    return { seen: {} }
  }
}

/** The Module's own workflow on a real Temporal server; call it at the top of a test file. */
export function useModuleRuns() {
  const withRun = useTemporalRuns<typeof module>()
  return async (
    simulated: SimulatedModule,
    quietMs: number,
    body: (run: WorkflowHandle<typeof module>) => Promise<void>,
  ): Promise<void> => {
    const subject = { ref: { namespace: 'ns', name: 'fpga' }, uid: 'uid-1' }
    await withRun(
      simulated,
      async ({ workflow }, at) => {
        const args: Parameters<typeof module> = [{ subject, watchQueue: at.taskQueue, quietMs, seen: {} }]
        return await workflow.start<typeof module>('module', { ...at, args })
      },
      body,
    )
  }
}
