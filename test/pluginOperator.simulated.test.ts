import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import { stringify } from 'yaml'
import type { WriteBody } from '../activities/kube/kube.ts'
import { modules, nodes, type Pod } from '../activities/kube/resources.ts'
import { annotations, labels } from '../api/names.ts'
import type { PlanReport } from '../cli/commands/planReport.ts'
import { eventually } from './support/eventually.ts'
import { ended, playNode, stuck, type Play } from './support/playedNode.ts'
import type { SeenPod } from './support/podHistory.ts'
import { plugin } from './support/plugin.ts'
import { pushTestImage } from './support/pushTestImage.ts'
import { kernel, type Scenario } from './support/scenario.ts'
import { useSimulatedLab } from './support/simulatedLab.ts'
import { stories, useOperator } from './support/stories.ts'
import { dockerfile, tinyBuild, tinyModule } from './support/tinyModule.ts'

/** The plugin beside the real operator and a real Temporal; the kubelet is played by the test. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const lab = useSimulatedLab()
const operator = useOperator(lab)
const test = stories(lab, operator)
const name = 'tiny'

const call = async (story: Scenario, command: string, ...line: string[]) => {
  const { kubernetes, temporal } = lab.state
  return await plugin([command, ...line, '-n', story.namespace], {
    KUBECONFIG: kubernetes.kubeconfig,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  })
}

const tiny = ({ namespace }: Scenario, mapping: object = {}) => {
  const { registry } = lab.state
  return tinyModule({ namespace, name, registry, mapping: { build: undefined, ...mapping } })
}
const apply = async (story: Scenario, mapping: object = {}) => await story.apply(tiny(story, mapping))

/** What the plugin says that applying these would bring; they are not applied. */
async function planOf(story: Scenario, ...bodies: readonly WriteBody[]): Promise<PlanReport | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'kmm-plan-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'module.yaml')
  writeFileSync(file, bodies.map((body) => stringify(body)).join('---\n'))
  const { code, stdout, stderr } = await call(story, 'plan', '-f', file, '-o', 'json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return (JSON.parse(stdout) as { readonly plans: readonly PlanReport[] }).plans[0]
}
const withModprobe = (body: WriteBody, modprobe: object): WriteBody => {
  const { spec, ...rest } = body as WriteBody & {
    readonly spec: { readonly moduleLoader: { container: object } }
  }
  const container = { ...spec.moduleLoader.container, modprobe }
  return { ...rest, spec: { ...spec, moduleLoader: { container } } } as WriteBody
}
/** What a worker pod was for. */
const actionOf = ({ pod: { metadata, spec } }: SeenPod) =>
  `${metadata.labels?.[labels.workerAction]} ${spec?.nodeName}`
const push = async ({ namespace }: Scenario) =>
  await pushTestImage(
    { url: `http://${lab.state.registry}` },
    { repository: `${namespace}/${name}`, tag: kernel },
  )

test('users.md R4: each cause is told as it comes, from a missing image to a loaded module; retry lets it go on', async ({
  open,
}) => {
  const story = await open('why')
  let play: Play = (pod) => ended(pod, { reason: 'KeyRejected', message: 'Key was rejected by service' })
  const node = await playNode(story, kernel, (pod) => play(pod))
  const image = `${lab.state.registry}/${story.namespace}/${name}:${kernel}`
  expect(await planOf(story, tiny(story))).toEqual({
    module: `${story.namespace}/${name}`,
    change: 'new',
    faults: [],
    kernels: [{ kernel, image: { kind: 'lookUp', image }, nodes: [{ node, action: 'load' }] }],
  })
  expect(await story.module(name)).toBeUndefined()
  await apply(story)
  await story.untilKernel(name, 'has no image', ({ reason }) => reason === 'ImageMissing')
  const missing = await call(story, 'why', name)
  expect(missing).toMatchObject({
    code: 4,
    stdout: expect.stringContaining('✘ registry       ImageMissing: '),
  })
  expect(missing.stdout).toMatch(/✔ operator +\S+ watches/)
  expect(await call(story, 'list')).toMatchObject({
    stdout: expect.stringMatching(/tiny +False +ImageMissing/),
  })

  await push(story)
  expect(await call(story, 'retry', name)).toMatchObject({ code: 0 })
  await story.untilRetryIsTaken(name)
  await story.untilKernel(name, 'is refused by the kernel', ({ reason }) => reason === 'KeyRejected')
  const rejected = await call(story, 'why', name, node)
  expect(rejected.code).toBe(4)
  expect(rejected.stdout).toContain('✔ registry       it has the image')
  expect(rejected.stdout).toContain('✘ modprobe       KeyRejected: Load failed: Key was rejected by service')
  expect(rejected.stdout).toContain('Sign the module with a key that the node trusts')

  play = (pod) => ended(pod)
  const retried = await call(story, 'retry', name, '--kernel', kernel)
  expect(retried).toMatchObject({ code: 0, stdout: expect.stringContaining(`kernel ${kernel}.`) })
  await story.untilLoaded(name)
  expect(story.pods.builds()).toEqual([])
  expect(story.pods.workers().map(actionOf)).toEqual([`Load ${node}`, `Load ${node}`])
  expect(await planOf(story, tiny(story))).toMatchObject({
    change: 'same',
    kernels: [{ kernel, image: { kind: 'known', image }, nodes: [{ node, action: 'keep' }] }],
  })
  expect(await call(story, 'why', name)).toMatchObject({ code: 0 })
  expect(await call(story, 'retry', name)).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('there is nothing to retry'),
  })
  const status = await call(story, 'status', name)
  expect(status.stdout).toMatch(new RegExp(`Module ${story.namespace}/${name} {2}Ready: Loaded`))
  expect(status.stdout).toContain('nodes  1 of 1 loaded')

  const history = await call(story, 'history', name)
  expect(history.stdout).toContain('retry asked for')
  expect(history.stdout).toMatch(new RegExp(`Load on node ${node} {2}\\d+s {2}failed`))
  expect(history.stdout).toMatch(new RegExp(`Load on node ${node} {2}\\d+s {2}done`))
})

test('a pull that fails, a module in use, a cordon: what the node is waited for', async ({ open }) => {
  const story = await open('why-node')
  let pulls = false
  let inUse = false
  const play: Play = (pod) => {
    if (!pulls) return stuck('ErrImagePull', 'failed to resolve reference "r/a": r/a: not found')
    const unload = pod.metadata.labels?.[labels.workerAction] === 'Unload'
    return unload && inUse
      ? ended(pod, { reason: 'InUse', message: 'tiny is in use (held by other)' })
      : ended(pod)
  }
  await push(story)
  const node = await playNode(story, kernel, play)
  await apply(story)
  await story.untilKernel(name, 'cannot be pulled', ({ reason }) => reason === 'ImagePullBackOff')
  const pull = await call(story, 'why', name)
  expect(pull).toMatchObject({
    code: 4,
    stdout: expect.stringContaining('✘ worker pod     ImagePullBackOff: '),
  })
  expect(pull.stdout).toMatch(/What helps:\n {2}kubectl -n \S+ describe pod kmm-worker-tiny-/)

  pulls = true
  await story.untilLoaded(name)
  inUse = true
  const modprobe = { moduleName: 'tiny', parameters: ['a=2'] }
  const ref = { namespace: story.namespace, name }
  const changed = await planOf(story, withModprobe(tiny(story), modprobe))
  expect(changed).toMatchObject({
    change: 'changed',
    kernels: [{ image: { kind: 'known' }, nodes: [{ node, action: 'reload' }] }],
  })
  await lab.kube.patch(modules, ref, { spec: { moduleLoader: { container: { modprobe } } } })
  await story.untilKernel(name, 'is in use', ({ reason }) => reason === 'InUse')
  const waits = await call(story, 'why', name)
  expect(waits).toMatchObject({
    code: 5,
    stdout: expect.stringContaining('… in use by      InUse: tiny is in use'),
  })

  await lab.kube.patch(nodes, { name: node }, { spec: { unschedulable: true } })
  await eventually(
    'the cordon is told',
    () => call(story, 'why', name),
    ({ stdout }) => stdout.includes('Cordoned: ') && stdout.includes(`kubectl uncordon ${node}`),
  )
  inUse = false
  await lab.kube.patch(nodes, { name: node }, { spec: { unschedulable: false } })
  await story.untilLoaded(name)
  expect(story.pods.workers().map(actionOf).slice(-2)).toEqual([`Unload ${node}`, `Load ${node}`])
})

test('cancel stops a build that is under way, and it stays so until retry', async ({ open }) => {
  const story = await open('cancel')
  const isWorker = (pod: Pod) => pod.metadata.labels?.[labels.workerAction] !== undefined
  const node = await playNode(story, kernel, (pod) => (isWorker(pod) ? ended(pod) : undefined))
  const bodies = [dockerfile(story.namespace, name, 'FROM scratch'), tiny(story, { build: tinyBuild(name) })]
  const plan = (await planOf(story, ...bodies))?.kernels[0]
  expect(plan).toMatchObject({
    image: { kind: 'lookUp', build: { pod: expect.any(String) } },
    nodes: [{ node, action: 'load' }],
  })
  await story.apply(...bodies)
  const waits = await story.untilKernel(
    name,
    'has no node for its build',
    ({ reason }) => reason === 'Unschedulable',
  )
  const { buildPod: pod, inputHash } = waits
  expect(plan?.image).toMatchObject({ image: waits.image, build: { pod, inputHash } })
  expect(story.pods.builds().map((build) => build.name)).toEqual([pod])
  const why = await call(story, 'why', name)
  expect(why).toMatchObject({ code: 4, stdout: expect.stringContaining('✘ build          Unschedulable: ') })

  expect(await call(story, 'cancel', name)).toMatchObject({ code: 0 })
  await story.untilKernel(name, 'is cancelled', ({ phase }) => phase === 'Cancelled')
  expect(story.pods.all().find((pod) => pod.name === waits.buildPod)).toMatchObject({ gone: true })
  const annotated = async () => (await story.module(name))?.metadata.annotations?.[annotations.cancelBuild]
  await eventually('the annotation is taken', annotated, (value) => value === undefined)
  const cancelled = await call(story, 'why', name)
  expect(cancelled).toMatchObject({
    code: 4,
    stdout: expect.stringContaining('✘ build          Cancelled: '),
  })
  expect(await call(story, 'cancel', name)).toMatchObject({ code: 4 })

  expect(await call(story, 'retry', name)).toMatchObject({ code: 0 })
  await story.untilKernel(name, 'is built again', ({ attempt = 0 }) => attempt > (waits.attempt ?? 1))
})

test('the operator is gone: the same command says so, and what the cluster still tells', async ({ open }) => {
  const story = await open('why-down')
  await playNode(story, kernel, (pod) => ended(pod))
  await apply(story)
  await story.untilKernel(name, 'has no image', ({ reason }) => reason === 'ImageMissing')
  await operator.stop()
  const down = await call(story, 'why', name)
  expect(down.code).toBe(4)
  expect(down.stdout).toMatch(/✘ operator +OperatorDown: The operator ended \d+s ago and gave its Lease up/)
  expect(down.stdout).toContain('✘ registry       ImageMissing: ')
  await operator.start()
})
