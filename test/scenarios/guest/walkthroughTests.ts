import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadNodeName } from '../../../lab/realNodes.ts'
import { useBrowser } from '../../support/browser.ts'
import { eventually } from '../../support/eventually.ts'
import {
  counted,
  eventsOn,
  eventsOnNode,
  saidOf,
  untilCounted,
  untilMetric,
  type Replica,
} from '../../support/observed.ts'
import type { Scenario } from '../../support/scenario.ts'
import { chooseRetryBuild, untilAnswer, untilDetails } from '../../support/temporalUi.ts'
import type { TestLab } from '../../support/testLab.ts'
import { Reader } from '../../support/walkthrough/reader.ts'

const namespace = 'kmm-ci'
const name = 'kmm-ci-broken'
const ref = { namespace, name }
const labels = `name="${name}",namespace="${namespace}"`

/** Where the story stands: filled in before the first test of the walkthrough. */
export interface Told {
  readonly story: Scenario
  readonly kernel: string
  readonly replicas: readonly Replica[]
}

/** The last section, which the reader comes to when the story wants it. */
export interface LastSection {
  /** Takes the Module away as the page says, and checks that the operator was quiet until then. */
  cleanUp(): Promise<void>
}

/**
 * Every section of docs/walkthrough.md as a test, its shell blocks typed as they stand there. What no test can do is
 * `npm start` itself: this lab, this operator and the example that is loaded by now are what it leaves behind.
 *
 * What the reader sees is checked against the other places where the same is told: Events, metrics and the log.
 */
export function walkthroughTests(lab: TestLab, told: () => Told): LastSection {
  let reader: Reader
  let address = ''
  let saidWhenLoaded = 0
  beforeAll(async () => void (reader = await Reader.sitDown(lab.state)))
  afterAll(() => reader?.close())

  const untilHeld = async (attempt: number) => {
    const { story, kernel } = told()
    await story.untilKernel(
      name,
      `attempt ${attempt} is held`,
      (entry) => expect(entry).toMatchObject({ phase: 'BuildFailed', reason: 'CompileFailed', attempt }),
      kernel,
    )
  }

  test('walkthrough, 1: the cluster, Temporal and the plugin are at hand', async () => {
    reader.skips('npm start')
    await reader.types('export KUBECONFIG')
    await reader.types('kubectl kmod list')
    await reader.types('cp .lab/broken-dockerfile.yaml fpga.yaml')
  })

  test('walkthrough, 2: what would happen, and the build while it goes on', async () => {
    const { story } = told()
    await reader.types('kubectl kmod plan')
    expect(await story.module(name)).toBeUndefined()
    const watch = reader.begins('kubectl apply')
    await eventually(
      'the build runs',
      () => story.pods.builds(name),
      ([build]) => expect(build?.pod.status?.phase).toMatch(/Running|Failed/),
    )
    await reader.types('kubectl kmod logs')
    await eventually(
      'the tree shows that the build has failed',
      () => watch.output(),
      (tree) => expect(tree).toMatch(/build {2}attempt 1 in pod \S+ failed/),
    )
    watch.interrupt()
    await watch.ended
    await untilHeld(1)
  })

  test('walkthrough, 3: why it is not loaded; the same goes into a bug report', async () => {
    const { story, replicas } = told()
    await reader.types('kubectl kmod why', 4)
    await reader.types('kubectl get modules')
    const { output } = await reader.tries(`kubectl kmod support-bundle ${name} --file -`)
    expect(parse(output)).toMatchObject({
      why: expect.stringContaining('build: CompileFailed'),
      modules: [{ metadata: { name } }],
      events: expect.arrayContaining([expect.objectContaining({ reason: 'BuildFailed' })]),
      temporal: expect.arrayContaining([
        expect.objectContaining({
          status: 'RUNNING',
          builds: [expect.objectContaining({ log: expect.stringContaining('error: expected') })],
        }),
      ]),
    })
    await untilMetric(replicas, `kmm_module_ready{${labels}}`, 0)
    const { metadata } = (await story.module(name)) ?? {}
    expect(await eventsOn(lab, namespace, metadata?.uid ?? '')).toEqual({ BuildCreated: 1, BuildFailed: 1 })
  })

  describe('in a browser', { concurrent: false }, () => {
    const browser = useBrowser()
    test('walkthrough, 4: the run in the Temporal UI, and a retry from there', async () => {
      const { story, kernel } = told()
      address = (await reader.types('kubectl kmod open')).trim()
      const page = await browser.open(address)
      await page.getByRole('tab', { name: 'User Metadata' }).click()
      const pod = (await story.kernelStatus(name, kernel))?.buildPod
      await untilDetails(page, 'Waits: CompileFailed', 'What unblocks it', `delete pod ${pod}`)
      await untilAnswer(page, 'timeline', 'is there an image', 'attempt 1', 'held: CompileFailed', 'goes on')
      const submit = await chooseRetryBuild(page)
      await submit.click()
      await untilHeld(2)
      await reader.types('kubectl kmod status')
    })
  })

  test('walkthrough, 5: mended, built and loaded into the kernel of the guest', async () => {
    await reader.types("sed -i 's/mended")
    expect((await lab.vm.lsmod()).map((module) => module.name)).toContain('kmm_ci_c')
  })

  test('walkthrough, 6: what happened, as history, Events, metrics and log have it', async () => {
    const { story, kernel, replicas } = told()
    await reader.types('kubectl kmod why')
    const events = await reader.types('kubectl events')
    expect(events).toContain('CompileFailed (retry: the signal retryBuild)')
    expect(events).toContain(`Module ${namespace}/${name} loaded into the kernel`)
    const { uid = '', creationTimestamp = '' } = (await story.module(name))?.metadata ?? {}
    expect(await eventsOn(lab, namespace, uid)).toEqual({
      BuildCreated: 3,
      BuildFailed: 2,
      BuildSucceeded: 1,
      HoldReleased: 2,
      Superseded: 1,
    })
    expect(await eventsOnNode(lab, loadNodeName, ref, creationTimestamp)).toEqual({ ModuleLoaded: 1 })
    await reader.types('kubectl kmod logs')

    const lines = saidOf(replicas, ref)
    for (const line of lines) expect(line).toMatchObject({ kernel, runId: address.split('/').at(-2) })
    expect(counted(lines.map(({ msg }) => msg))).toEqual({
      'build started': 3,
      'build failed': 2,
      'build succeeded': 1,
      'build superseded': 1,
      held: 2,
      'hold released': 2,
      'module loaded': 1,
    })
    saidWhenLoaded = lines.length
    expect(await untilCounted(replicas, ref)).toContain(
      'kmm_builds_total{result="failed",reason="CompileFailed"}',
    )
    await untilMetric(replicas, `kmm_module_ready{${labels}}`, 1)
    await untilMetric(replicas, `kmm_module_nodes{${labels},state="loaded"}`, 1)
  })

  return {
    async cleanUp() {
      const { story, replicas } = told()
      const { creationTimestamp = '' } = (await story.module(name))?.metadata ?? {}
      const news = () => saidOf(replicas, ref).slice(saidWhenLoaded)
      expect(news()).toEqual([])
      await reader.types('kubectl delete')
      expect(reader.left).toEqual([])
      expect(news()).toMatchObject([{ msg: 'module unloaded' }])
      expect(await eventsOnNode(lab, loadNodeName, ref, creationTimestamp)).toEqual({
        ModuleLoaded: 1,
        ModuleUnloaded: 1,
      })
    },
  }
}
