import type { Logger } from 'pino'
import type { CacheChange, ClusterCache } from '../activities/cluster/cache.ts'
import { oneLine } from '../api/oneLine.ts'
import { moduleKey, moduleOfRun, sha256, type ModuleRef } from '../api/names.ts'
import { newer } from '../api/resourceVersion.ts'
import type { ViewSettings } from '../api/kernelView.ts'
import { kernelsOf, viewKernel } from '../api/viewKernel.ts'
import { viewModule } from '../api/viewModule.ts'
import { decideModule } from '../workflows/module/decide.ts'
import type { Doorbell } from '../workflows/messages.ts'
import { saidByStep } from '../workflows/moduleKernel/describe.ts'
import { isSettled } from '../workflows/moduleKernel/settled.ts'
import { createQueue, type Queue } from './queue.ts'
import type { Bell } from './bell.ts'

/** How often everything is looked at again, whatever events came. */
const passMs = 10 * 60_000
/**
 * When every run with work is signalled once more. The kubelets of the replicas bring a changed configuration within
 * two minutes of each other, so the first signal may have been answered by a replica with the former configuration.
 */
const secondSignalMs = 5 * 60_000
/** How often the open runs are asked for: a run that somebody terminated is missed so soon. */
const rollMs = 30_000

interface Options {
  readonly cache: ClusterCache
  readonly bell: Bell
  readonly settings: ViewSettings
  readonly log: Logger
}

/**
 * Turns changes of the cluster into doorbells. For every Module it makes the same pure views as the runs do, and
 * rings a run unless the view proves that nothing is to do, or is the one it has rung for already. A ring that
 * fails goes back into the queue. So heartbeats, resyncs and restarts start no runs. Runs that are still open for
 * something that is gone are told too. May be started again after it was stopped: each time it begins anew.
 */
export class Watcher {
  readonly #options: Options
  #queue: Queue | undefined
  /** Fingerprint of the view each open run was last rung for, by workflow id. */
  readonly #rung = new Map<string, string>()
  /** Newest change of each kind since a Module was last looked at. */
  readonly #changes = new Map<string, Map<string, Doorbell['changes'][number]>>()
  #stop: (() => void) | undefined

  constructor(options: Options) {
    this.#options = options
  }

  /** Begins to listen; the first pass follows at once. Ends with `stop()`. */
  start(): void {
    const { cache, log } = this.#options
    this.#rung.clear()
    this.#changes.clear()
    this.#queue = createQueue({
      concurrency: 4,
      handle: async (key) => await this.#look(key),
      onError: (key, error, retryInMs) =>
        log.warn({ module: key, err: error, retryInMs }, 'could not ring; trying again'),
    })
    const unsubscribe = cache.subscribe((change) => this.#onChange(change))
    const passes = setInterval(() => void this.pass(), passMs)
    // That Temporal is away is told by whatever has something to ring, and by the passes.
    const rolls = setInterval(() => void this.#callRoll().catch(() => undefined), rollMs)
    const secondSignal = setTimeout(() => this.#signalAgain(), secondSignalMs)
    this.#stop = () => {
      unsubscribe()
      clearTimeout(secondSignal)
      clearInterval(passes)
      clearInterval(rolls)
    }
    void this.pass()
  }

  async stop(): Promise<void> {
    this.#stop?.()
    await this.#queue?.stop()
  }

  /** Looks at every Module, and at what open runs are about. */
  async pass(): Promise<void> {
    const { cache, log } = this.#options
    try {
      for (const id of await this.#callRoll()) {
        if (!this.#rung.has(id)) this.#rung.set(id, 'rung before this watcher began')
        this.#lookAtRun(id)
      }
    } catch (error) {
      log.warn({ err: error }, 'could not list open runs; looking at all Modules without')
    }
    for (const ref of cache.knownModules()) this.#queue?.add(moduleKey(ref))
  }

  /**
   * Looks again at what the runs were about that should be open and are not: somebody ended them while there was work.
   * Resolves with the ids of all open runs; throws when Temporal does not answer.
   */
  async #callRoll(): Promise<Set<string>> {
    const open = await this.#options.bell.openRuns()
    for (const id of this.#rung.keys()) {
      if (open.has(id)) continue
      this.#rung.delete(id)
      this.#lookAtRun(id)
    }
    return open
  }

  /** Forgets which views were signalled, so that the next look signals every run that has work. */
  #signalAgain(): void {
    for (const id of this.#rung.keys()) {
      this.#rung.set(id, 'to be signalled again')
      this.#lookAtRun(id)
    }
  }

  #lookAtRun(id: string): void {
    const ref = moduleOfRun(id)
    if (ref !== undefined) this.#queue?.add(moduleKey(ref))
  }

  #onChange(change: CacheChange): void {
    for (const ref of change.modules) {
      const key = moduleKey(ref)
      const changes = this.#changes.get(key) ?? new Map<string, Doorbell['changes'][number]>()
      const known = changes.get(change.object.kind)
      if (known === undefined || newer(change.object.resourceVersion, known.resourceVersion)) {
        changes.set(change.object.kind, change.object)
      }
      this.#changes.set(key, changes)
      this.#queue?.add(key)
    }
  }

  async #look(key: string): Promise<void> {
    const [namespace = '', name = ''] = key.split('/')
    const ref = { namespace, name }
    const changes = [...(this.#changes.get(key)?.values() ?? [])]
    this.#changes.delete(key)
    const kernels = kernelsOf(this.#options.cache, ref)
    const failures = await failuresOf([
      async () => await this.#lookAtModule(ref, { changes }),
      ...kernels.map((kernel) => async () => await this.#lookAtKernel(ref, kernel, { changes })),
      async () => await this.#tellOthers(ref, kernels, { changes }),
    ])
    if (failures.length > 0) {
      const kept = this.#changes.get(key) ?? new Map<string, Doorbell['changes'][number]>()
      for (const change of changes) if (!kept.has(change.kind)) kept.set(change.kind, change)
      this.#changes.set(key, kept)
      throw failures.length === 1 ? failures[0] : new AggregateError(failures, wordsOf(failures))
    }
  }

  async #lookAtModule(ref: ModuleRef, news: Doorbell): Promise<void> {
    const { cache, bell } = this.#options
    const { view, module, summary } = viewModule(cache, ref, '')
    const id = bell.moduleRun(ref)
    if (module === undefined) return await this.#tellOpen(id, news)
    if (decideModule(view) === 'done') return void this.#rung.delete(id)
    const conditions = summary?.conditions.map(({ lastTransitionTime: _time, ...condition }) => condition)
    const fingerprint = sha256(JSON.stringify([module.metadata.uid, view, summary?.moduleLoader, conditions]))
    if (this.#rung.get(id) === fingerprint) return
    await bell.ringModule({ ref, uid: module.metadata.uid }, news)
    this.#rung.set(id, fingerprint)
  }

  async #lookAtKernel(ref: ModuleRef, kernel: string, news: Doorbell): Promise<void> {
    const { cache, bell, settings } = this.#options
    const { view, facts } = viewKernel(cache, ref, kernel, settings)
    const id = bell.kernelRun(ref, kernel)
    if (isSettled(ref, kernel, view)) {
      return view.module === 'gone' ? await this.#tellOpen(id, news) : void this.#rung.delete(id)
    }
    const { stored, ...truth } = view
    // What an activity says of its wait is news to the run itself: it stands on the run's page.
    const fingerprint = sha256(JSON.stringify([facts.uid, truth, saidByStep(stored)]))
    if (this.#rung.get(id) === fingerprint) return
    await bell.ringKernel({ ref, uid: facts.uid ?? '', kernel }, news)
    this.#rung.set(id, fingerprint)
  }

  /** Open runs of kernels that concern the Module no more would wait for ever: what they wait for cannot come. */
  async #tellOthers(ref: ModuleRef, kernels: readonly string[], news: Doorbell): Promise<void> {
    const { bell } = this.#options
    const concern = new Set(kernels.map((kernel) => bell.kernelRun(ref, kernel)))
    const prefix = `${bell.moduleRun(ref)}:`
    const others = [...this.#rung.keys()].filter((id) => id.startsWith(prefix) && !concern.has(id))
    const failures = await failuresOf(others.map((id) => async () => await this.#tellOpen(id, news)))
    if (failures.length > 0) throw new AggregateError(failures, wordsOf(failures))
  }

  async #tellOpen(id: string, news: Doorbell): Promise<void> {
    if (!this.#rung.has(id)) return
    await this.#options.bell.nudge(id, news)
    this.#rung.delete(id)
  }
}

/** Does one after the other; one that fails stops no other. Resolves with what went wrong. */
async function failuresOf(works: readonly (() => Promise<void>)[]): Promise<unknown[]> {
  const failures: unknown[] = []
  for (const work of works) await work().catch((error: unknown) => failures.push(error))
  return failures
}

/** The first of them, and how many there are. */
function wordsOf([first, ...others]: readonly unknown[]): string {
  const words = oneLine(first)
  return others.length === 0 ? words : `${words} (and ${others.length} more that failed)`
}
