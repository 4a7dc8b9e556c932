import { expect, onTestFinished, test } from 'vitest'
import { modules, nodeModulesConfigs, nodes } from '../../activities/kube/resources.ts'
import { labels, moduleInUseLabel, readyLabel } from '../../api/names.ts'
import { nodeModulesConfigSchema, recordEntries } from '../../api/nodeModulesConfig.ts'
import { addSimulatedNode } from '../../lab/simulated/nodes.ts'
import { eventually } from '../support/eventually.ts'
import { watchNode } from '../support/nodeHistory.ts'
import { useOperator } from '../support/operator.ts'
import { pushTestImage } from '../support/pushTestImage.ts'
import { kernel, openScenario, type Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { scenarioLabel, tinyModule, type TinyModule } from '../support/tinyModule.ts'

const lab = useLab()
const maxParallel = 4
const operator = useOperator(lab, { maxParallel })
const name = 'tiny'

/** A Module whose image is there already. */
async function applyReady(
  story: Scenario,
  change: Partial<TinyModule> & { readonly name?: string } = {},
): Promise<void> {
  const { namespace } = story
  const { registry } = lab.state
  await pushTestImage(
    { url: `http://${registry}` },
    { repository: `${namespace}/${change.name ?? name}`, tag: kernel },
  )
  await story.apply(
    tinyModule({ namespace, name, registry, ...change, mapping: { build: undefined, ...change.mapping } }),
  )
}

async function entriesOn(story: Scenario, node: string, module = name) {
  const record = await lab.kube.get(nodeModulesConfigs, { name: node })
  return recordEntries(record === undefined ? undefined : nodeModulesConfigSchema.parse(record), {
    namespace: story.namespace,
    name: module,
  })
}
const workerPods = (story: Scenario, action?: string) =>
  story.pods.all().filter(({ pod }) => {
    const found = pod.metadata.labels?.[labels.workerAction]
    return found !== undefined && (action === undefined || found === action)
  })

test('maxParallel bounds how many nodes are reloaded at once', async () => {
  const story = await openScenario(lab, operator, 'many')
  const count = 15
  for (let index = 0; index < count; index++) await story.addNode()
  let most = 0
  const watching = setInterval(() => {
    most = Math.max(most, workerPods(story).filter(({ gone }) => !gone).length)
  }, 5)
  onTestFinished(() => clearInterval(watching))
  await applyReady(story)
  await story.untilLoaded(name)
  const modprobe = { parameters: ['debug=1'] }
  const ref = { namespace: story.namespace, name }
  await lab.kube.patch(modules, ref, { spec: { moduleLoader: { container: { modprobe } } } })
  await eventually(
    'all nodes have the new parameter',
    async () =>
      (await lab.kube.list(nodeModulesConfigs)).items.map((item) => nodeModulesConfigSchema.parse(item)),
    (records) => {
      const facts = records.flatMap((r) => recordEntries(r, ref).fact ?? [])
      expect(facts.filter(({ config }) => config?.modprobe.parameters?.includes('debug=1'))).toHaveLength(
        count,
      )
    },
  )
  await story.untilLoaded(name)
  expect(workerPods(story)).toHaveLength(3 * count)
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(maxParallel)
})

test('users.md 2: a reboot that never shows NotReady: not ready at first, then loaded again', async () => {
  const story = await openScenario(lab, operator, 'fast-reboot')
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
  expect(workerPods(story, 'Unload')).toEqual([])
})

test('a taint that one Module does not tolerate unloads that one, and holds up no other', async () => {
  const story = await openScenario(lab, operator, 'taint')
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
  const pods = workerPods(story).filter(({ pod }) => pod.metadata.labels?.[labels.moduleName] === 'other')
  expect(pods).toHaveLength(1)
  await story.untilLoaded('other')
})

test('a cordoned node keeps its module, and gets it again after a reboot', async () => {
  const story = await openScenario(lab, operator, 'cordon')
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
  expect(workerPods(story, 'Unload')).toEqual([])
  expect(workerPods(story, 'Load')).toHaveLength(2)
})

test('images:STS-7, a Module without moduleLoader is unloaded; one of the same name elsewhere is not', async () => {
  const story = await openScenario(lab, operator, 'no-loader')
  const elsewhere = await openScenario(lab, operator, 'elsewhere')
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
  expect(workerPods(elsewhere, 'Unload')).toEqual([])
  await story.untilCondition(name, { type: 'Ready', status: 'False', reason: 'NoModuleLoader' })
})

test('a node that is deleted takes its record with it, and the Module may go', async () => {
  const story = await openScenario(lab, operator, 'deleted')
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
  expect(workerPods(story, 'Unload')).toEqual([])
})
