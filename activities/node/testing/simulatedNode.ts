import { parseConfig } from '../../../api/config.ts'
import type { NodeFacts, PodFacts, PodState } from '../../../api/facts.ts'
import type { Module } from '../../../api/module.ts'
import type { ModuleEntry, ModuleStatusEntry, NodeModulesConfig } from '../../../api/nodeModulesConfig.ts'
import { containers } from '../../../api/names.ts'
import { testCluster, testNode, testRecord } from '../../../api/testCluster.ts'
import { podFacts } from '../../../api/objectFacts.ts'
import type { Dependencies } from '../../dependencies.ts'
import type { Pod } from '../../kube/resources.ts'
import { createWaiters } from '../../kube/waiters.ts'

const parsed = parseConfig('')
if (!parsed.ok) throw new Error(parsed.message)
const { config } = parsed

interface Written {
  readonly kind: string
  readonly spec?: { readonly modules: readonly ModuleEntry[] }
  readonly status?: { readonly modules: readonly ModuleStatusEntry[] }
}

/** Stands for a cluster with one node: what activities write is what they read, and `done` tells in which order. */
export class SimulatedNode {
  node: NodeFacts = testNode()
  record: NodeModulesConfig | undefined
  pod: PodFacts | undefined
  readonly done: string[] = []
  /** Reasons of Events. */
  readonly said: string[] = []
  /** Which Event each was. */
  readonly keys: string[] = []
  /** With what the API server refuses a pod. */
  refusal: Error | undefined
  /** What the kubelet does when the pod is made, and when it is deleted; by default nothing, and it goes. */
  onCreate: () => void = () => undefined
  onDelete: () => void = () => this.change({ pod: undefined })
  readonly #module: () => Module | undefined
  readonly #waiters = createWaiters(new AbortController().signal, () => new Error('over'))

  constructor(module: () => Module | undefined) {
    this.#module = module
  }

  /** Changes things, and wakes those who wait. */
  change(things: { node?: Partial<NodeFacts>; pod?: PodFacts | undefined }): void {
    if (things.node !== undefined) this.node = { ...this.node, ...things.node }
    if ('pod' in things) this.pod = things.pod
    this.#waiters.wake()
  }

  /** The pod comes to this state. */
  podBecomes(state: PodState, change: Partial<PodFacts> = {}): void {
    if (this.pod !== undefined) this.change({ pod: { ...this.pod, ...change, state } })
  }

  /** What the loader reports when it has done its work in the present boot. */
  report(change: object = {}): string {
    const { action } = JSON.parse(this.pod?.annotations['kmm.node.kubernetes.io/worker-config'] ?? '{}') as {
      action?: string
    }
    const { bootId, kernel } = this.node
    return JSON.stringify({
      action,
      bootId,
      kernel,
      command: ['modprobe'],
      exitStatus: 0,
      output: '',
      ...change,
    })
  }

  /** The loader succeeds. */
  succeed(): void {
    this.podBecomes({ kind: 'succeeded', message: this.report(), finishedAt: '2026-01-01T00:00:00Z' })
  }

  /** The pod fails. */
  fail(change: Partial<Extract<PodState, { kind: 'failed' }>>, pod: Partial<PodFacts> = {}): void {
    const end = { container: containers.worker, message: '', finishedAt: '2026-01-01T00:00:00Z' }
    const state = { kind: 'failed', ...end, ...change } as const
    this.podBecomes(state, pod)
  }

  get deps(): Dependencies {
    const snapshot = () => {
      const module = this.#module()
      return testCluster({
        modules: module === undefined ? [] : [module],
        nodes: [this.node],
        records: this.record === undefined ? [] : [this.record],
        pods: this.pod === undefined ? [] : [this.pod],
      })
    }
    const cache = new Proxy({} as Dependencies['cache'], {
      get: (_target, name) => {
        if (name === 'caughtUp') return async () => true
        if (name === 'waitForPod') return this.#waitForPod.bind(this)
        return snapshot()[name as keyof ReturnType<typeof snapshot>]
      },
    })
    const kube = {
      create: async (_resource: object, body: { kind: string; metadata: object }) => this.#create(body),
      patch: async (_resource: object, _ref: object, body: object) => this.#patch(body),
      applyObject: async (body: Written) => this.#apply(body),
      delete: async () => {
        this.done.push('delete pod')
        if (this.pod !== undefined) this.pod = { ...this.pod, deleting: true }
        this.onDelete()
      },
    }
    const events = {
      record: async (_about: object, { reason, key }: { reason: string; key: string }) => {
        this.said.push(reason)
        this.keys.push(key)
      },
    }
    const observe = () => undefined
    return {
      cache,
      kube,
      config,
      workerImage: 'reg.example/kmm:1',
      events,
      observe,
    } as unknown as Dependencies
  }

  async #waitForPod(
    _ref: object,
    predicate: (pod: PodFacts | undefined) => boolean,
    signal: AbortSignal,
  ): Promise<PodFacts | undefined> {
    const { pod } = await this.#waiters.until(
      () => (predicate(this.pod) ? { pod: this.pod } : undefined),
      signal,
    )
    return pod
  }

  #create(body: { kind: string; metadata: object }) {
    const object = { ...body, metadata: { ...body.metadata, uid: 'pod-1', resourceVersion: '1' } }
    if (body.kind === 'Pod') {
      if (this.refusal !== undefined) throw this.refusal
      this.done.push('create pod')
      this.change({ pod: podFacts(object as unknown as Pod) })
      this.onCreate()
    }
    return { kind: 'created', object }
  }

  #patch(body: object) {
    const { labels = {} } = (body as { metadata: { labels?: Record<string, string | null> } }).metadata
    this.done.push(Object.values(labels).includes(null) ? 'withdraw ready' : 'give ready')
    const all = Object.entries({ ...this.node.labels, ...labels }).filter(([, value]) => value !== null)
    this.change({ node: { labels: Object.fromEntries(all) as Record<string, string> } })
    return { kind: 'written', object: { metadata: { resourceVersion: '5' } } }
  }

  #apply({ kind, spec, status }: Written) {
    if (kind === 'Module') this.done.push('status')
    if (kind === 'NodeModulesConfig') {
      this.done.push(spec === undefined ? `fact ${status?.modules.length}` : `wish ${spec.modules.length}`)
      const empty = testRecord(undefined, undefined)
      this.record = {
        ...(this.record ?? empty),
        ...(spec && { spec }),
        ...(status && { status }),
      } as NodeModulesConfig
    }
    return { kind: 'written', object: { metadata: { name: 'n1', uid: 'record-n1', resourceVersion: '7' } } }
  }
}
