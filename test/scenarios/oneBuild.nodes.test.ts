import { describe, expect } from 'vitest'
import { configMaps, pods } from '../../activities/kube/resources.ts'
import { kernelRunId } from '../../api/names.ts'
import { retry, state } from '../../workflows/messages.ts'
import { markdownText } from '../../api/text/markdown.ts'
import { pageOf } from '../../workflows/moduleKernel/testing/page.ts'
import { claimsOn } from '../support/claims.ts'
import { eventually } from '../support/eventually.ts'
import { type OpenScenario, stories } from '../support/stories.ts'
import { digestOf } from '../support/registry.ts'
import { runsOf } from '../support/runs.ts'
import { kernel, type Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { fetching, tinyBuild } from '../support/tinyModule.ts'

const lab = useLab()
/** Two replicas of the operator work at the same time in all these stories; one of them watches. */
const test = stories(lab)
const name = 'tiny'

/** Begins a story with a node. */
async function begin(open: OpenScenario, name: string): Promise<Scenario> {
  const story = await open(name)
  await story.addNode()
  return story
}

/** The image is one that several Modules share. */
const shared = (repository: string) => ({
  containerImage: `${lab.state.registry}/${repository}/shared:\${KERNEL_FULL_VERSION}`,
  build: tinyBuild(name),
})

/** Of two Modules that share an image, which one builds and which one waits. */
async function untilOneWaits(stories: readonly Scenario[]): Promise<{ builds: Scenario; waits: Scenario }> {
  const reasons = () => Promise.all(stories.map(async (story) => (await story.kernelStatus(name))?.reason))
  const seen = await eventually('one of them waits', reasons, (all) => all.includes('ImageClaimed'))
  const index = seen.indexOf('ImageClaimed')
  const [waits, builds] = [stories[index], stories[1 - index]]
  if (waits === undefined || builds === undefined) throw new Error('there are two')
  return { builds, waits }
}

async function untilNothingIsClaimed(repository: string): Promise<void> {
  const claims = () => claimsOn(lab, `${lab.state.registry}/${repository}/`)
  await eventually('the claim is given up', claims, (all) => expect(all).toEqual([]))
}

describe('two Modules in two namespaces want one image', () => {
  test('from the same inputs: one builds it, the other says for whom it waits, and takes it', async ({
    open,
    gate,
  }) => {
    const stories = [await begin(open, 'one'), await begin(open, 'two')] as const
    const repository = stories[0].namespace
    const change = { mapping: shared(repository) }
    await Promise.all(stories.map((story) => story.applyTiny(name, [fetching(gate.wait)], change)))
    await gate.untilKnocked()
    const { builds, waits } = await untilOneWaits(stories)
    const [pod] = builds.pods.builds()
    const entry = await waits.untilKernel(name, 'waits for that pod', ({ message }) =>
      message?.includes(pod?.name ?? ''),
    )
    expect(entry).toMatchObject({ phase: 'Building', reason: 'ImageClaimed' })
    expect(entry.message).toContain(
      `Module ${builds.namespace}/${name} (kernel ${kernel}) in pod ${pod?.name}`,
    )
    const ref = { namespace: builds.namespace, name }
    expect(await claimsOn(lab, `${lab.state.registry}/${repository}/`)).toEqual([
      kernelRunId(lab.cluster, ref, kernel),
    ])
    const [run] = await runsOf(lab, { namespace: waits.namespace, name }, 'ExecutionStatus="Running"')
    const handle = lab.temporal.workflow.getHandle(run?.workflowId ?? '')
    expect(await pageOf(handle)).toContain(`**ImageClaimed**: ${markdownText(entry.message ?? '')}`)

    gate.open()
    await Promise.all(stories.map((story) => story.untilLoaded(name)))
    expect(gate.knocks).toBe(1)
    expect(stories.flatMap((story) => story.pods.builds())).toHaveLength(1)
    const digest = await digestOf(lab.state.registry, `${repository}/shared`, kernel)
    for (const story of stories) expect(await story.kernelStatus(name)).toMatchObject({ digest })
    await untilNothingIsClaimed(repository)
  })

  test('the holder goes: the other builds', async ({ open, gate }) => {
    const [first, second] = [await begin(open, 'first'), await begin(open, 'second')]
    const change = { mapping: shared(first.namespace) }
    await first.applyTiny(name, [fetching(gate.wait)], change)
    await gate.untilKnocked()
    await second.applyTiny(name, [fetching(gate.wait)], change)
    await second.untilKernel(name, 'waits', ({ reason }) => reason === 'ImageClaimed')
    await first.deleteModule(name)
    await gate.untilKnocked(2)
    expect(first.pods.builds().every((pod) => pod.gone)).toBe(true)
    gate.open()
    await second.untilLoaded(name)
    expect(second.pods.builds()).toHaveLength(1)
    await untilNothingIsClaimed(first.namespace)
  })

  test('from other inputs: the second is told, and takes the image when its inputs are the same', async ({
    open,
    gate,
  }) => {
    const [first, second] = [await begin(open, 'mine'), await begin(open, 'yours')]
    const change = { mapping: shared(first.namespace) }
    await first.applyTiny(name, [fetching(gate.wait)], change)
    await gate.untilKnocked()
    await second.applyTiny(name, [['true']], change)
    const told = { type: 'Ready', status: 'False', reason: 'ImageContested' } as const
    const { message } = await second.untilCondition(name, told)
    expect(message).toContain(`Module ${first.namespace}/${name} (kernel ${kernel})`)
    gate.open()
    await first.untilLoaded(name)
    expect((await second.kernelStatus(name))?.reason).toBe('ImageContested')

    await second.applyTiny(name, [fetching(gate.wait)], change)
    await second.untilLoaded(name)
    expect(second.pods.builds()).toEqual([])
    const { digest } = (await first.kernelStatus(name)) ?? {}
    expect(await second.kernelStatus(name)).toMatchObject({ digest })
  })
})

test('two kernels of one Module resolve to one image: one is told, and a tag per kernel serves both', async ({
  open,
}) => {
  const story = await begin(open, 'kernels')
  const other = '6.7.0-test'
  await story.addNode(other)
  const { namespace } = story
  const one = `${lab.state.registry}/${namespace}/${name}:latest`
  await story.applyTiny(name, [], { mapping: { containerImage: one, build: tinyBuild(name) } })
  const { message } = await story.untilCondition(name, { type: 'Degraded', reason: 'ImageContested' })
  expect(message).toContain('${KERNEL_FULL_VERSION}')
  const loaded = () => Promise.all([kernel, other].map((of) => story.kernelStatus(name, of)))
  await eventually('the first kernel has its image', loaded, (entries) => {
    expect(entries.map((entry) => entry?.phase ?? '').toSorted((a, b) => a.localeCompare(b))).toEqual([
      'InputInvalid',
      'Loaded',
    ])
  })
  expect(story.pods.builds()).toHaveLength(1)

  await story.applyTiny(name)
  await story.untilLoaded(name)
  const entries = await loaded()
  expect(entries.map((entry) => entry?.phase)).toEqual(['Loaded', 'Loaded'])
  expect(story.pods.builds()).toHaveLength(3)
})

describe('changes in mid-build', () => {
  const args = (value: string) => ({ build: { ...tinyBuild(name), buildArgs: [{ name: 'REV', value }] } })

  test('Dockerfile, arguments and image (images:BLD-S1, S5, BLD-22): one pod at a time, the last wins', async ({
    open,
    gate,
  }) => {
    const story = await begin(open, 'edits')
    const { namespace } = story
    const repository = (named: string) =>
      `${lab.state.registry}/${namespace}/${named}:\${KERNEL_FULL_VERSION}`
    const waiting = fetching(gate.wait)
    await story.applyTiny(name, [waiting])
    await gate.untilKnocked()
    await story.applyTiny(name, [waiting, ['true']])
    await gate.untilKnocked(2)
    await story.applyTiny(name, [waiting, ['true']], { mapping: args('2') })
    await gate.untilKnocked(3)
    const last = { ...args('2'), containerImage: repository('moved') }
    await story.applyTiny(name, [waiting, ['true']], { mapping: last })
    await gate.untilKnocked(4)
    gate.open()
    const module = await story.untilLoaded(name)

    expect(story.pods.builds()).toHaveLength(4)
    expect(story.pods.mostBuildsAtOnce).toBe(1)
    const digest = await digestOf(lab.state.registry, `${namespace}/moved`, kernel)
    expect(module.status?.kernels).toMatchObject([{ digest, attempt: 1 }])
    await untilNothingIsClaimed(namespace)
  })

  test('the ConfigMap goes (images:BLD-S2): the build goes on, its failure is said, and then what is missing', async ({
    open,
    gate,
  }) => {
    const story = await begin(open, 'config-map')
    await story.applyTiny(name, [fetching(gate.wait), ['false']])
    await gate.untilKnocked()
    await story.remove(configMaps, name)
    gate.open()
    const { buildPod, errorLines } = await story.untilHeld(name, 'BuildCommandFailed')
    expect(errorLines).toContain('failed to execute command')
    expect(story.pods.builds()).toMatchObject([{ name: buildPod, gone: false }])
    const holds = async () => {
      const { workflowId = '' } = (await story.kernelStatus(name)) ?? {}
      const { held } = await lab.temporal.workflow.getHandle(workflowId).query(state)
      return held.map(({ reason }) => reason)
    }
    await eventually('the run says both', holds, (reasons) =>
      expect(reasons).toEqual(['BuildCommandFailed', 'DockerfileConfigMapMissing']),
    )

    await story.retry(name, 'all')
    await story.untilKernel(
      name,
      'says what is missing',
      ({ reason }) => reason === 'DockerfileConfigMapMissing',
    )
    expect(story.pods.builds()).toMatchObject([{ gone: true }])
    await story.applyTiny(name)
    await story.untilLoaded(name)
    expect(story.pods.builds()).toHaveLength(2)
  })

  test('edits that follow each other at once leave one build', async ({ open, gate }) => {
    const story = await begin(open, 'storm')
    for (const value of ['1', '2', '3', '4', '5']) {
      await story.applyTiny(name, [fetching(gate.wait)], { mapping: args(value) })
    }
    gate.open()
    await story.untilLoaded(name)
    expect(story.pods.mostBuildsAtOnce).toBe(1)
    const built = story.pods.builds().at(-1)?.pod.spec?.containers[0]?.args
    expect(built).toContain('REV=5')
  })
})

test('users.md 5.11: a failed pod deleted by hand while a retry arrives, by update and by annotation, is built again once', async ({
  open,
  gate,
}) => {
  const story = await begin(open, 'twice')
  await story.applyTiny(name, [fetching(gate.pass)])
  const { buildPod = '', workflowId = '' } = await story.untilKernel(
    name,
    'BuildFailed',
    ({ phase }) => phase === 'BuildFailed',
  )
  gate.open()
  const update = lab.temporal.workflow.getHandle(workflowId).executeUpdate(retry, { args: [{}] })
  // The hold may have ended by then: the update is refused, in words.
  const refused = update.catch((error: unknown) => String((error as Error).cause))
  await Promise.all([story.remove(pods, buildPod), story.retry(name, 'all')])
  const answer = await refused
  if (typeof answer === 'string') expect(answer).toContain('Nothing is held')
  else expect(answer.released).toHaveLength(1)
  await story.untilLoaded(name)
  expect(await story.kernelStatus(name)).toMatchObject({ attempt: 2 })
  expect(story.pods.builds()).toHaveLength(2)
  await story.untilRetryIsTaken(name)
})
