import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { WriteBody } from '../../../activities/kube/kube.ts'
import { modules, nodeModulesConfigs, nodes } from '../../../activities/kube/resources.ts'
import { annotations } from '../../../api/names.ts'
import { nodeModulesConfigSchema } from '../../../api/nodeModulesConfig.ts'
import { loadNodeLabels, loadNodeName } from '../../../lab/realNodes.ts'
import { exitCodes } from '../../../cli/exitCodes.ts'
import { simulatedTaint } from '../../../lab/simulated/nodes.ts'
import { moduleColumns } from '../../support/columns.ts'
import { eventually } from '../../support/eventually.ts'
import { sharedReplicas } from '../../support/observed.ts'
import { plugin } from '../../support/plugin.ts'
import { sharedOperator } from '../../support/stories.ts'
import { watchPods } from '../../support/podHistory.ts'
import { digestOf, emptyRepository, tagsOf } from '../../support/registry.ts'
import { runId, runsOf } from '../../support/runs.ts'
import { Scenario } from '../../support/scenario.ts'
import { deployFolder, useLab } from '../../support/testLab.ts'
import { walkthroughTests } from './walkthroughTests.ts'

const namespace = 'kmm-ci'
const name = 'kmm-ci'
const ref = { namespace, name }

const lab = useLab()

/** deploy/examples/kmm-ci with the lab's registry, as `npm start` applies it. */
function example(): WriteBody[] {
  const text = readFileSync(join(deployFolder, 'examples/kmm-ci/kmm-ci.yaml'), 'utf8')
  const documents = parseAllDocuments(text.replaceAll('registry.example:5000', lab.state.registry))
  return documents.map((document) => document.toJS() as WriteBody)
}

/** Asks the plugin to steer the example. */
const steer = async (command: 'cancel' | 'retry', ...line: readonly string[]) =>
  await plugin([command, name, '-n', namespace, ...line], { KUBECONFIG: lab.state.kubernetes.kubeconfig })

const loadedInGuest = async () => (await lab.vm.lsmod()).map((module) => module.name)

async function recordsOfModule(): Promise<string[]> {
  const { items } = await lab.kube.list(nodeModulesConfigs)
  const records = items.map((item) => nodeModulesConfigSchema.parse(item))
  return records
    .filter(({ spec, status }) =>
      [...(spec?.modules ?? []), ...(status?.modules ?? [])].some((entry) => entry.namespace === namespace),
    )
    .map(({ metadata }) => metadata.name)
}

/** Each test goes on where the one before it ended. */
describe('the example of npm start, on a real kernel', { concurrent: false }, () => {
  let story: Scenario
  let kernel: string
  beforeAll(async () => {
    // A lab that stays up may have them from the last time.
    for (const repository of [name, `${name}-broken`]) await emptyRepository(lab.state.registry, repository)
    story = new Scenario(lab, namespace, await watchPods(lab.kube, namespace))
    const node = await lab.kube.get(nodes, { name: loadNodeName })
    kernel = node?.status?.nodeInfo?.kernelVersion ?? ''
  })
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return
    console.error(await sharedOperator.log())
    await story.show()
  })
  afterAll(async () => await story.close())

  test('image missing: it is built, pushed, and loaded into the kernel of the guest', async () => {
    expect(await loadedInGuest()).not.toContain('kmm_ci_a')
    await story.apply(...example())
    await story.untilLoaded(name)

    const loaded = await lab.vm.lsmod()
    expect(loaded.map((module) => module.name)).toEqual(expect.arrayContaining(['kmm_ci_a', 'kmm_ci_b']))
    const entry = await story.kernelStatus(name, kernel)
    expect(entry).toMatchObject({ phase: 'Loaded', attempt: 1, nodes: { targets: 1, loaded: 1, failed: 0 } })
    expect(entry?.digest).toBe(await digestOf(lab.state.registry, name, kernel))
    expect(story.pods.builds(name)).toHaveLength(1)
    await eventually(
      'no pod is left',
      () => story.pods.all(),
      (pods) => pods.every((pod) => pod.gone),
    )
  })

  test('kubectl shows what matters', async () => {
    const [row] = await moduleColumns(lab, namespace)
    expect(row).toMatchObject({
      Name: name,
      Ready: 'True',
      Reason: 'Loaded',
      Images: 'True',
      Loaded: 1,
      Nodes: 1,
    })
    const module = await story.module(name)
    const conditions = module?.status?.conditions?.map(({ type, status, reason }) => [type, status, reason])
    expect(conditions?.toSorted()).toEqual([
      ['BuildNodeDiffers', 'False', 'SameDistribution'],
      ['Degraded', 'False', 'AsExpected'],
      ['ImagesReady', 'True', 'Verified'],
      ['Progressing', 'False', 'AtRest'],
      ['Ready', 'True', 'Loaded'],
    ])
  })

  test('a Module at rest has no open run', async () => {
    await eventually(
      'its run is completed',
      () => runsOf(lab, ref),
      (runs) => runs.length > 0 && runs.every((run) => run.status === 'COMPLETED'),
    )
  })

  const walkthrough = walkthroughTests(lab, () => ({ story, kernel, replicas: sharedReplicas() }))

  test('a second kernel on a second node gets a run and an image of its own; its build is cancelled, and retried', async () => {
    const [second = ''] = lab.vm.kernels.filter((release) => release !== kernel)
    await lab.kube.patch(modules, ref, { spec: { tolerations: [{ ...simulatedTaint, operator: 'Equal' }] } })
    await story.addNode(second, loadNodeLabels)
    await story.untilKernel(name, 'is being built', ({ phase }) => phase === 'Building', second)
    await eventually(
      'a pod builds for the second kernel',
      () => story.pods.builds(name),
      (all) => all.length === 2,
    )
    expect(await steer('cancel', '--kernel', second)).toMatchObject({ code: 0 })
    await story.untilKernel(name, 'is cancelled', ({ phase }) => phase === 'Cancelled', second)
    await eventually(
      'the cancel is taken',
      () => story.module(name),
      (module) => module?.metadata.annotations?.[annotations.cancelBuild] === undefined,
    )
    expect(await steer('retry', '--kernel', second)).toMatchObject({ code: 0 })
    await story.untilKernel(name, 'is Loaded', (entry) => entry.phase === 'Loaded', second)

    expect(await tagsOf(lab.state.registry, name)).toEqual([kernel, second].toSorted())
    expect(story.pods.builds(name)).toHaveLength(3)
    expect(await steer('retry')).toMatchObject({ code: exitCodes.no })
    const ids = new Set((await runsOf(lab, ref)).map((run) => run.workflowId))
    expect([...ids].toSorted()).toEqual([runId(lab, ref, kernel), runId(lab, ref, second)].toSorted())
    const digests = (await story.module(name))?.status?.kernels?.map((entry) => entry.digest)
    expect(new Set(digests).size).toBe(2)
  })

  test('Modules deleted, as the walkthrough ends: unloaded in the guest, and nothing is left of them', async () => {
    await Promise.all([walkthrough.cleanUp(), story.deleteModule(name)])
    const loaded = await loadedInGuest()
    for (const module of ['kmm_ci_a', 'kmm_ci_b', 'kmm_ci_c']) expect(loaded).not.toContain(module)
    expect(await recordsOfModule()).toEqual([])
    expect(story.pods.all().filter((pod) => !pod.gone)).toEqual([])
  })

  test('image present: loaded, and no build pod is ever created', async () => {
    const before = story.pods.builds(name).length
    await story.apply(...example())
    await story.untilLoaded(name)
    expect(await loadedInGuest()).toContain('kmm_ci_a')
    expect(story.pods.builds(name)).toHaveLength(before)
    expect((await story.kernelStatus(name, kernel))?.buildPod).toBeUndefined()
  })
})
