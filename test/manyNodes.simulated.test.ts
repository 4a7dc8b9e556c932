import { expect, onTestFinished, vi } from 'vitest'
import { modules, nodeModulesConfigs, nodes } from '../activities/kube/resources.ts'
import { labels, moduleInUseLabel, readyLabel } from '../api/names.ts'
import { nodeModulesConfigSchema, recordEntries } from '../api/nodeModulesConfig.ts'
import { addSimulatedNode } from '../lab/simulated/nodes.ts'
import { eventually } from './support/eventually.ts'
import { recordedOn } from './support/nodeRecord.ts'
import { watchNode } from './support/nodeHistory.ts'
import { stories, useOperator } from './support/stories.ts'
import { pushTestImage } from './support/pushTestImage.ts'
import { runId } from './support/runs.ts'
import { kernel, type Scenario } from './support/scenario.ts'
import { useSimulatedLab } from './support/simulatedLab.ts'
import { scenarioLabel, tinyModule, type TinyModule } from './support/tinyModule.ts'

/** The operator as a process, over a real control plane and Temporal; the nodes are simulated. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const lab = useSimulatedLab()
const maxParallel = 4
const operator = useOperator(lab, { maxParallel })
const test = stories(lab, operator)
const name = 'tiny'
/** TIMEOUT_TYPE_HEARTBEAT of Temporal's API. */
const heartbeatTimeout = 4
const otherKernel = '6.6.2-test'

/** A Module whose image is there already. */
async function applyReady(
  story: Scenario,
  change: Partial<TinyModule> & { readonly name?: string } = {},
): Promise<void> {
  const { namespace } = story
  const { registry } = lab.state
  for (const tag of [kernel, otherKernel]) {
    const repository = `${namespace}/${change.name ?? name}`
    await pushTestImage({ url: `http://${registry}` }, { repository, tag, text: tag })
  }
  await story.apply(
    tinyModule({ namespace, name, registry, ...change, mapping: { build: undefined, ...change.mapping } }),
  )
}

const entriesOn = ({ namespace }: Scenario, node: string, module = name) =>
  recordedOn(lab, node, { namespace, name: module })

/** Many nodes that load a Module, and how many of them were worked on at once at most. */
async function manyLoaded(story: Scenario, count: number) {
  for (let index = 0; index < count; index++) await story.addNode()
  let most = 0
  const watching = setInterval(() => {
    most = Math.max(most, story.pods.workers().filter(({ gone }) => !gone).length)
  }, 5)
  onTestFinished(() => clearInterval(watching))
  await applyReady(story)
  await story.untilLoaded(name)
  const ref = { namespace: story.namespace, name }
  return {
    setParameter: async (parameter: string) => {
      const modprobe = { parameters: [parameter] }
      await lab.kube.patch(modules, ref, { spec: { moduleLoader: { container: { modprobe } } } })
    },
    /** Waits until so many nodes, or more, have loaded with it. */
    untilParameter: async (parameter: string, nodeCount: number) => {
      await eventually(
        `${nodeCount} nodes have ${parameter}`,
        async () =>
          (await lab.kube.list(nodeModulesConfigs)).items.map((item) => nodeModulesConfigSchema.parse(item)),
        (records) => {
          const facts = records.flatMap((record) => recordEntries(record, ref).fact ?? [])
          const having = facts.filter(({ config }) => config?.modprobe.parameters?.includes(parameter))
          expect(having.length).toBeGreaterThanOrEqual(nodeCount)
        },
      )
    },
    mostAtOnce: () => most,
  }
}

test('maxParallel bounds how many nodes are reloaded at once', async ({ open }) => {
  const story = await open('many')
  const count = 15
  const { setParameter, untilParameter, mostAtOnce } = await manyLoaded(story, count)
  await setParameter('debug=1')
  await untilParameter('debug=1', count)
  await story.untilLoaded(name)
  expect(story.pods.workers()).toHaveLength(3 * count)
  expect(mostAtOnce()).toBeGreaterThan(1)
  expect(mostAtOnce()).toBeLessThanOrEqual(maxParallel)
})

test('users.md 10: an operator that is killed, and a Module that is edited, in the middle of a rollout', async ({
  open,
}) => {
  const story = await open('rollout')
  const count = 15
  const { setParameter, untilParameter, mostAtOnce } = await manyLoaded(story, count)
  await setParameter('debug=1')
  await untilParameter('debug=1', 1)
  await operator.kill9()
  const before = story.pods.workers().length
  expect(before).toBeLessThan(3 * count)
  await setParameter('debug=2')
  await operator.start()
  await untilParameter('debug=2', count)
  await story.untilLoaded(name)
  // What had not begun with debug=1 is not taken there on the way.
  expect(story.pods.workers().length).toBeLessThan(5 * count)
  expect(mostAtOnce()).toBeLessThanOrEqual(maxParallel)
})

test('an operator that is killed while a registry is slow: the next one asks as soon as the heartbeats stay away', async ({
  open,
  gate,
}) => {
  const story = await open('slow-registry')
  const { namespace } = story
  await story.addNode()
  const slow = tinyModule({
    namespace,
    name,
    registry: new URL(gate.wait).host,
    mapping: { build: undefined, registryTLS: { insecure: true } },
  })
  await story.apply(slow)
  await gate.untilKnocked()
  await operator.kill9()
  await operator.start()
  await gate.untilKnocked(2)
  const run = lab.temporal.workflow.getHandle(runId(lab, { namespace, name }, kernel))
  const [asking] = (await run.describe()).raw.pendingActivities ?? []
  expect(asking?.activityType?.name).toBe('checkImage')
  expect(asking?.lastFailure?.timeoutFailureInfo?.timeoutType).toBe(heartbeatTimeout)
})

test('users.md 2: a reboot that never shows NotReady: not ready at first, then loaded again', async ({
  open,
}) => {
  const story = await open('fast-reboot')
  const node = await story.addNode()
  await applyReady(story)
  await story.untilLoaded(name)
  const ref = { namespace: story.namespace, name }
  await eventually(
    'the label is there',
    () => lab.kube.get(nodes, { name: node }),
    (found) => found?.metadata.labels?.[readyLabel(ref)] !== undefined,
  )
  const history = await watchNode(lab.kube, node, ref)
  onTestFinished(() => history.stop())
  const { kubeconfig } = lab.state.kubernetes
  await addSimulatedNode(kubeconfig, { name: node, kernelVersion: kernel, bootId: 'second' })
  await eventually(
    'it is loaded in the second boot, and labelled again',
    () => history.states,
    (states) => states.at(-1) === 'second Ready labelled' && states.includes('second Ready bare'),
  )
  expect(history.states.filter((state) => state.includes('NotReady'))).toEqual([])
  expect((await entriesOn(story, node)).fact).toMatchObject({ bootId: 'second' })
  expect(story.pods.workers('Unload')).toEqual([])
})

test('another kernel after a reboot: its run takes over, and nothing of the first is left', async ({
  open,
}) => {
  const story = await open('kernel')
  const node = await story.addNode()
  await applyReady(story)
  // It concerns the first kernel only.
  const { namespace } = story
  const { registry } = lab.state
  const mapping = { regexp: undefined, literal: kernel, build: undefined }
  await applyReady(story, { name: 'first', mapping })
  await story.untilLoaded(name)
  await story.untilLoaded('first')
  const { kubeconfig } = lab.state.kubernetes
  await addSimulatedNode(kubeconfig, { name: node, kernelVersion: otherKernel, bootId: 'second' })
  await story.untilKernel(name, 'is Loaded', ({ phase }) => phase === 'Loaded', otherKernel)
  const { fact, wish } = await entriesOn(story, node)
  expect(fact).toMatchObject({ bootId: 'second', config: { kernelVersion: otherKernel } })
  expect(fact?.config?.containerImage).toContain(`${registry}/${namespace}/${name}:${otherKernel}@sha256:`)
  expect(wish?.config.kernelVersion).toBe(otherKernel)
  for (const each of [name, 'first']) {
    await eventually(
      `the status of ${each} knows the second kernel only`,
      () => story.module(each),
      (module) => expect(module?.status?.kernels?.map((k) => k.kernel)).toEqual([otherKernel]),
    )
  }
  await eventually(
    'of the Module without a mapping for it nothing is left',
    async () => ({
      entries: await entriesOn(story, node, 'first'),
      label: (await lab.kube.get(nodes, { name: node }))?.metadata.labels?.[
        readyLabel({ namespace, name: 'first' })
      ],
    }),
    (seen) => expect(seen).toEqual({ entries: { wish: undefined, fact: undefined }, label: undefined }),
  )
  expect(story.pods.workers('Unload')).toEqual([])
  expect(story.pods.workers().filter(({ gone }) => !gone)).toEqual([])
})

test('a taint that one Module does not tolerate unloads that one, and holds up no other', async ({
  open,
}) => {
  const story = await open('taint')
  const node = await story.addNode()
  const taint = { key: 'example.com/dedicated', value: 'x', effect: 'NoSchedule' }
  await applyReady(story)
  await applyReady(story, { name: 'other' })
  await story.untilLoaded(name)
  await story.untilLoaded('other')
  const [simulated] = (await lab.kube.get(nodes, { name: node }))?.spec?.taints ?? []
  const tolerations = [
    { key: simulated?.key, operator: 'Exists' },
    { key: taint.key, operator: 'Exists' },
  ]
  await lab.kube.patch(modules, { namespace: story.namespace, name: 'other' }, { spec: { tolerations } })
  await lab.kube.patch(nodes, { name: node }, { spec: { taints: [simulated, taint] } })
  await eventually(
    'the one that does not tolerate it is gone from the node',
    () => entriesOn(story, node),
    ({ wish, fact }) => wish === undefined && fact === undefined,
  )
  expect((await entriesOn(story, node, 'other')).fact).toMatchObject({ bootId: expect.any(String) })
  // A change of tolerations alone reloads nothing.
  const pods = story.pods.workers().filter(({ pod }) => pod.metadata.labels?.[labels.moduleName] === 'other')
  expect(pods).toHaveLength(1)
  await story.untilLoaded('other')
})

test('a cordoned node keeps its module, and gets it again after a reboot', async ({ open }) => {
  const story = await open('cordon')
  const node = await story.addNode()
  await applyReady(story)
  await story.untilLoaded(name)
  await lab.kube.patch(nodes, { name: node }, { spec: { unschedulable: true } })
  await eventually(
    'Kubernetes has tainted the node',
    () => lab.kube.get(nodes, { name: node }),
    (found) => found?.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/unschedulable') ?? false,
  )
  const { kubeconfig } = lab.state.kubernetes
  await addSimulatedNode(kubeconfig, { name: node, kernelVersion: kernel, bootId: 'second' })
  await eventually(
    'it is loaded in the second boot',
    () => entriesOn(story, node),
    ({ fact }) => fact?.bootId === 'second',
  )
  await lab.kube.patch(nodes, { name: node }, { spec: { unschedulable: false } })
  await story.untilLoaded(name)
  expect(story.pods.workers('Unload')).toEqual([])
  expect(story.pods.workers('Load')).toHaveLength(2)
})

test('images:STS-7, a Module without moduleLoader is unloaded; one of the same name elsewhere is not', async ({
  open,
}) => {
  const story = await open('no-loader')
  const elsewhere = await open('elsewhere')
  const node = await story.addNode()
  await applyReady(story)
  await applyReady(elsewhere, { spec: { selector: { [scenarioLabel]: story.namespace } } })
  await story.untilLoaded(name)
  await elsewhere.untilLoaded(name)
  const ref = { namespace: story.namespace, name }
  await lab.kube.patch(modules, ref, { spec: { moduleLoader: null } })
  await eventually(
    'nothing of it is left on the node',
    async () => ({
      entries: await entriesOn(story, node),
      node: await lab.kube.get(nodes, { name: node }),
      record: await lab.kube.get(nodeModulesConfigs, { name: node }),
    }),
    ({ entries, node: found, record }) => {
      expect(entries).toEqual({ wish: undefined, fact: undefined })
      expect(found?.metadata.labels).not.toHaveProperty([readyLabel(ref)])
      // nodes:STM-14 and STM-15: each Module has its own, by namespace and name.
      expect(record?.metadata.labels).not.toHaveProperty([moduleInUseLabel(ref)])
      expect(record?.metadata.labels).toHaveProperty([
        moduleInUseLabel({ namespace: elsewhere.namespace, name }),
      ])
    },
  )
  expect((await entriesOn(elsewhere, node)).fact).toMatchObject({ bootId: expect.any(String) })
  expect(elsewhere.pods.workers('Unload')).toEqual([])
  await story.untilCondition(name, { type: 'Ready', status: 'False', reason: 'NoModuleLoader' })
})

test('a node that is deleted takes its record with it, and the Module may go', async ({ open }) => {
  const story = await open('deleted')
  const node = await story.addNode()
  await applyReady(story)
  await story.untilLoaded(name)
  await story.remove(nodes, node)
  await eventually(
    'its record is gone',
    () => lab.kube.get(nodeModulesConfigs, { name: node }),
    (record) => record === undefined,
  )
  await eventually(
    'no kernel is left in status',
    () => story.module(name),
    (module) =>
      (module?.status?.kernels ?? []).length === 0 && module?.status?.moduleLoader?.availableNumber === 0,
  )
  await story.deleteModule(name)
  expect(story.pods.workers('Unload')).toEqual([])
})
