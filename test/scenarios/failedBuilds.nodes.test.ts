import { describe, expect } from 'vitest'
import { pods, secrets } from '../../activities/kube/resources.ts'
import { eventually } from '../support/eventually.ts'
import type { Scenario } from '../support/scenario.ts'
import { simulateBuildNode } from '../support/simulatedBuildNode.ts'
import { simulateReadOnlyRegistry } from '../support/simulatedReadOnlyRegistry.ts'
import { stories } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'
import { dockerfile, fetching, tinyBuild, tinyDockerfile, tinyModule } from '../support/tinyModule.ts'
import { expectWhy } from '../support/why.ts'

const lab = useLab()
const test = stories(lab)
const name = 'tiny'

interface Failure {
  readonly reason: string
  readonly dockerfile: (story: Scenario) => string
  /** Stands in the error lines. */
  readonly says?: RegExp
}

const source = 'int f(void) { return nowhere; }'
const compile = JSON.stringify(['/bin/sh', '-c', `echo '${source}' > /f.c && gcc -c /f.c -o /f.o`])
const failures: readonly Failure[] = [
  {
    reason: 'CompileFailed',
    dockerfile: ({ lab: { state } }) => `FROM ${state.images?.buildBase}\nRUN ${compile}\n`,
    says: /f\.c:1:\d+: error: .nowhere. undeclared/,
  },
  {
    reason: 'DockerfileError',
    dockerfile: ({ base }) => `FROM ${base}\nFOO bar\n`,
    says: /unknown instruction: FOO/,
  },
  { reason: 'BaseImagePull', dockerfile: ({ lab: { state } }) => `FROM ${state.registry}/not/there:1\n` },
  {
    // The limit is that of the tier's operator.
    reason: 'OutOfMemory',
    dockerfile: ({ base }) =>
      tinyDockerfile(base, ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1500M', 'count=1']),
  },
]

describe('what a real build fails of is told apart, and its pod is kept', () => {
  test.for(failures)('$reason', async ({ reason, dockerfile: text, says }, { open }) => {
    const story = await open('fails')
    const { namespace } = story
    await story.addNode()
    const { registry } = lab.state
    await story.apply(dockerfile(namespace, name, text(story)), tinyModule({ namespace, name, registry }))
    const { errorLines } = await story.untilHeld(name, reason)
    if (says !== undefined) expect(errorLines).toMatch(says)
    await expectWhy(story, name, { line: 'build', reason })
    expect(story.pods.builds()).toMatchObject([{ gone: false }])
  })

  test('an error with characters that no status takes is reported, and a corrected Dockerfile builds', async ({
    open,
  }) => {
    const story = await open('controls')
    const { namespace } = story
    await story.addNode()
    const { registry, images } = lab.state
    // DEL, next line (C1) and a colour.
    const print = "printf 'f.c:1:1: error: a\\\\177b\\\\302\\\\205c\\\\033[31md\\\\n' >&2; exit 1"
    const broken = `FROM ${images?.buildBase}\nRUN ["/bin/sh", "-c", "${print}"]\n`
    await story.apply(dockerfile(namespace, name, broken), tinyModule({ namespace, name, registry }))
    const { errorLines } = await story.untilHeld(name, 'CompileFailed')
    expect(errorLines).toMatch(/f\.c:1:1: error: ab/)
    expect(errorLines?.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
    await story.applyTiny(name)
    await story.untilLoaded(name)
  })

  test('PushRefused', async ({ open, onTestFinished }) => {
    const { host, close } = await simulateReadOnlyRegistry(lab.state.address)
    onTestFinished(close)
    const story = await open('push')
    await story.addNode()
    const mapping = { containerImage: `${host}/a/b:1`, build: tinyBuild(name) }
    await story.applyTiny(name, [], { mapping })
    await story.untilHeld(name, 'PushRefused')
    await expectWhy(story, name, { line: 'build', reason: 'PushRefused' })
  })

  test('DeadlineExceeded', async ({ open, gate }) => {
    const story = await open('deadline')
    await story.addNode()
    await story.applyTiny(name, [fetching(gate.wait)])
    await gate.untilKnocked()
    const [pod] = story.pods.builds()
    expect(pod?.pod.spec?.activeDeadlineSeconds).toBe(7200)
    const ref = { namespace: story.namespace, name: pod?.name ?? '' }
    await lab.kube.patch(pods, ref, { spec: { activeDeadlineSeconds: 1 } })
    await story.untilHeld(name, 'DeadlineExceeded')
    await expectWhy(story, name, { line: 'build', reason: 'DeadlineExceeded' })
  })
})

/** Evicts the newest build pod through the API, as a drain does. */
async function evict({ namespace, pods: seen }: Scenario): Promise<void> {
  const pod = seen.builds().at(-1)?.name ?? ''
  await lab.kube.transport.json({
    verb: 'create',
    resource: 'pods/eviction',
    path: `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`,
    body: {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { namespace, name: pod },
      deleteOptions: { gracePeriodSeconds: 1 },
    },
  })
}

test('an evicted build is made again by itself, three times, and then it is held', async ({
  open,
  gate,
  openGate,
}) => {
  const story = await open('evicted')
  await story.addNode()
  await story.applyTiny(name, [fetching(gate.wait)])
  await gate.untilKnocked()
  await evict(story)
  const entry = await story.untilKernel(name, 'says that it was evicted', ({ reason }) => {
    expect(reason).toBe('Evicted')
  })
  expect(entry).toMatchObject({ phase: 'Building', interruptions: [{ attempt: 1, reason: 'Evicted' }] })
  await gate.untilKnocked(2)
  expect(await story.kernelStatus(name)).toMatchObject({ interruptions: [{ attempt: 1 }] })
  gate.open()
  await story.untilLoaded(name)
  const loaded = await story.kernelStatus(name)
  expect(loaded).toMatchObject({ attempt: 2 })
  expect(loaded).not.toHaveProperty('interruptions')

  const drained = await openGate()
  const image = { containerImage: `${lab.state.registry}/${story.namespace}/${name}:drained` }
  await story.applyTiny(name, [fetching(drained.wait)], { mapping: image })
  for (const times of [1, 2, 3, 4]) {
    await drained.untilKnocked(times)
    await evict(story)
  }
  const held = await story.untilHeld(name, 'Evicted')
  expect(held.message).toContain('The cluster ended the build 4 times')
  expect(held.interruptions?.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
  drained.open()
  await story.retry(name, 'all')
  await story.untilLoaded(name)
  expect(await story.kernelStatus(name)).toMatchObject({ attempt: 5 })
  expect(story.pods.builds()).toHaveLength(7)
})

test('a build whose Node is lost, or reboots under it, is made again; a failed one that vanishes with its Node is not', async ({
  open,
}) => {
  const story = await open('lost')
  await story.addNode()
  const node = await simulateBuildNode(story)
  const on = (name: string, more: object = {}) => ({
    mapping: { build: { ...tinyBuild(name), selector: node.selector, ...more } },
  })
  const { namespace } = story
  const metadata = { namespace, name: 'pass' }
  await lab.kube.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata,
    stringData: { word: 'wrong' },
  })
  await story.applyTiny('fails', [], on('fails', { secrets: [{ name: 'pass' }] }))
  await story.applyTiny('runs', [], on('runs'))
  await story.applyTiny('reboots', [], on('reboots'))
  await node.play('fails', 'failed')
  await story.untilHeld('fails', 'BuildFailed')
  await node.play('runs', 'running')
  // users.md 5.6: what a kubelet says of a container that its reboot took away.
  await node.play('reboots', 'rebooted')
  await story.untilKernel('reboots', 'has lost its container', ({ interruptions }) => {
    expect(interruptions).toMatchObject([{ attempt: 1, reason: 'NodeLost' }])
  })
  await eventually(
    'the build that lost its container is made again',
    () => story.pods.builds('reboots'),
    (all) => {
      expect(all).toMatchObject([{ gone: true }, { gone: false }])
    },
  )
  await node.remove()

  await story.untilKernel('runs', 'has lost its node', ({ interruptions }) => {
    expect(interruptions).toMatchObject([{ attempt: 1, reason: 'NodeLost' }])
  })
  await eventually(
    'the build that ran is made again',
    () => story.pods.builds('runs'),
    (all) => all.length === 2,
  )
  const held = await story.untilKernel('fails', 'says that its pod vanished', ({ message }) => {
    expect(message).toContain('Its pod has vanished with node')
    expect(story.pods.builds('fails')).toMatchObject([{ gone: true }])
  })
  expect(held).toMatchObject({ phase: 'BuildFailed', reason: 'BuildFailed', attempt: 1 })
  await lab.kube.patch(secrets, metadata, { stringData: { word: 'right' } })
  await eventually(
    'the changed Secret lets the failed build be made again',
    () => story.pods.builds('fails'),
    (all) => all.length === 2,
  )
})
