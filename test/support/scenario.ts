import { inspect } from 'node:util'
import { expect } from 'vitest'
import type { WriteBody } from '../../activities/kube/kube.ts'
import {
  modules,
  namespaces,
  nodes,
  type Resource,
  type StoredObject,
} from '../../activities/kube/resources.ts'
import { storedEntry } from '../../api/facts.ts'
import { annotations } from '../../api/names.ts'
import { moduleSchema, type Condition, type KernelStatus, type Module } from '../../api/module.ts'
import { addSimulatedNode } from '../../lab/simulated/nodes.ts'
import { eventually } from './eventually.ts'
import type { PodHistory } from './podHistory.ts'
import { expectSoundRuns } from './runs.ts'
import type { TestLab } from './testLab.ts'
import { dockerfile, scenarioLabel, tinyDockerfile, tinyModule, type TinyModule } from './tinyModule.ts'

/** The kernel of the simulated nodes of scenarios that need only one. */
export const kernel = '6.6.1-test'

/** One story in a namespace of its own. */
export class Scenario {
  readonly lab: TestLab
  readonly namespace: string
  readonly pods: PodHistory
  readonly #nodes: string[] = []

  constructor(lab: TestLab, namespace: string, pods: PodHistory) {
    this.lab = lab
    this.namespace = namespace
    this.pods = pods
  }

  /** Where tiny Modules are built from and pushed to. */
  get base(): string {
    return this.lab.state.images?.pause ?? ''
  }

  /** Server-side apply, as `kubectl apply --server-side` does it. */
  async apply(...bodies: readonly WriteBody[]): Promise<void> {
    for (const body of bodies) await this.lab.kube.applyObject(body, { fieldManager: 'kubectl', force: true })
  }

  /** A Module with a Dockerfile of these commands, for the scenario's simulated nodes. */
  async applyTiny(
    name: string,
    commands: readonly (readonly string[])[] = [],
    change: Partial<TinyModule> = {},
  ): Promise<void> {
    const { namespace, base } = this
    await this.apply(
      dockerfile(namespace, name, tinyDockerfile(base, ...commands)),
      tinyModule({ namespace, name, registry: this.lab.state.registry, ...change }),
    )
  }

  /** Deletes one object now; nothing happens when it is gone. */
  async remove(resource: Resource<StoredObject>, name: string): Promise<void> {
    const ref = resource.namespaced ? { namespace: this.namespace, name } : { name }
    const object = await this.lab.kube.get(resource, ref)
    if (object !== undefined) await this.lab.kube.delete(resource, ref, { uid: object.metadata.uid })
  }

  /** Adds a node that exists in the API only, by its labels target of the scenario's Modules. */
  async addNode(
    kernelVersion = kernel,
    labels: Readonly<Record<string, string>> = { [scenarioLabel]: this.namespace },
    osImage?: string,
  ): Promise<string> {
    const name = `simulated-${this.namespace}-${this.#nodes.length + 1}`
    this.#nodes.push(name)
    const facts = { name, kernelVersion, bootId: `boot-${name}`, labels }
    const node = osImage === undefined ? facts : { ...facts, osImage }
    await addSimulatedNode(this.lab.state.kubernetes.kubeconfig, node)
    return name
  }

  async module(name: string): Promise<Module | undefined> {
    const object = await this.lab.kube.get(modules, { namespace: this.namespace, name })
    return object === undefined ? undefined : moduleSchema.parse(object)
  }

  /** A kernel's entry in a Module's status. */
  async kernelStatus(name: string, of = kernel): Promise<KernelStatus | undefined> {
    return storedEntry(await this.module(name), of)
  }

  /** Waits until a kernel's entry passes `check`. */
  async untilKernel(
    name: string,
    what: string,
    check: (entry: KernelStatus) => unknown,
    of = kernel,
  ): Promise<KernelStatus> {
    const seen = await eventually(
      `Module ${this.namespace}/${name}, kernel ${of}: ${what}`,
      () => this.kernelStatus(name, of),
      (entry) => entry !== undefined && check(entry),
    )
    return seen as KernelStatus
  }

  /** Waits until a build is held with this reason. */
  async untilHeld(name: string, reason: string): Promise<KernelStatus> {
    return await this.untilKernel(name, `is held with ${reason}`, (entry) => {
      expect(entry).toMatchObject({ phase: 'BuildFailed', reason })
    })
  }

  /** Waits until a condition of the Module has these fields. */
  async untilCondition(
    name: string,
    wanted: Partial<Condition> & { readonly type: string },
  ): Promise<Condition> {
    const of = (module: Module | undefined) => module?.status?.conditions?.find((c) => c.type === wanted.type)
    const seen = await eventually(
      `Module ${this.namespace}/${name} has the condition ${JSON.stringify(wanted)}`,
      () => this.module(name),
      (module) => expect(of(module)).toMatchObject(wanted),
    )
    return of(seen) as Condition
  }

  /** Waits until the Module says that it is loaded on all its nodes. */
  async untilLoaded(name: string): Promise<Module> {
    const seen = await eventually(
      `Module ${this.namespace}/${name} is Ready`,
      () => this.module(name),
      (module) => module?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
    )
    return seen as Module
  }

  /** Deletes a Module and waits until the operator has let it go. */
  async deleteModule(name: string): Promise<void> {
    await this.remove(modules, name)
    await eventually(
      `Module ${this.namespace}/${name} is gone`,
      () => this.module(name),
      (module) => module === undefined,
    )
  }

  /** Annotates a Module as `kubectl annotate` does it: a retry for one kernel, or for `all`. */
  async retry(name: string, which: string): Promise<void> {
    await this.annotate(name, annotations.retryBuild, which)
  }

  async annotate(name: string, key: string, value: string): Promise<void> {
    const { namespace, lab } = this
    await lab.kube.patch(modules, { namespace, name }, { metadata: { annotations: { [key]: value } } })
  }

  /** Waits until the retry annotation is off. */
  async untilRetryIsTaken(name: string): Promise<void> {
    await eventually(
      `the retry of ${this.namespace}/${name} is taken`,
      () => this.module(name),
      (module) => module?.metadata.annotations?.[annotations.retryBuild] === undefined,
    )
  }

  /** Removes all of it: Modules first, with what the operator does at their end. Its runs must have been sound. */
  async close(): Promise<void> {
    const { kube } = this.lab
    const { items } = await kube.list(modules, { namespace: this.namespace })
    for (const { metadata } of items) await this.remove(modules, metadata.name)
    for (const { metadata } of items) await this.deleteModule(metadata.name)
    await this.pods.stop()
    for (const name of this.#nodes) await this.remove(nodes, name)
    await this.remove(namespaces, this.namespace)
    await expectSoundRuns(this.lab, this.namespace)
  }

  /** Prints what a person would look at first when something went wrong. */
  async show(): Promise<void> {
    const { items } = await this.lab.kube.list(modules, { namespace: this.namespace })
    for (const { metadata, status } of items)
      console.error(`Module ${metadata.namespace}/${metadata.name}`, inspect(status, { depth: 6 }))
    for (const { name, gone, pod } of this.pods.all())
      console.error(`pod ${name}${gone ? ' (gone)' : ''}`, inspect(pod.status, { depth: 6 }))
  }
}
