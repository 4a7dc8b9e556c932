import { expect, vi } from 'vitest'
import { events, modules, type Pod } from '../activities/kube/resources.ts'
import { labels } from '../api/names.ts'
import { freePorts } from '../lab/ports.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { runOrThrow } from '../lab/programs/exec.ts'
import { eventually } from './support/eventually.ts'
import { ended, playNode } from './support/playedNode.ts'
import { pushTestImage } from './support/pushTestImage.ts'
import { kernel, type Scenario } from './support/scenario.ts'
import { useSimulatedLab } from './support/simulatedLab.ts'
import { stories, useOperator } from './support/stories.ts'
import { dockerfile, tinyDockerfile, tinyModule } from './support/tinyModule.ts'

/** What `kubectl describe` and the metrics tell of a Module; the test plays the kubelet. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const lab = useSimulatedLab()
const [port = 0] = await freePorts(1)
const metrics = { bindAddress: `127.0.0.1:${port}`, secureServing: false, enableAuthnAuthz: false }
const operator = useOperator(lab, { metrics })
const test = stories(lab, operator)
const name = 'tiny'

const isBuild = (pod: Pod) => pod.metadata.labels?.[labels.resourceType] !== undefined
/** The status of a build pod that has ended. */
function built(exitCode: number): object {
  const end = { exitCode, reason: 'x', message: '', finishedAt: new Date().toISOString() }
  const container = { name: 'kaniko', image: 'x', imageID: 'x', ready: false, restartCount: 0 }
  const containerStatuses = [{ ...container, state: { terminated: end } }]
  return { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses }
}

/** Events about the Module, or about a node, as `kubectl describe` would find them: reason and how many there are. */
async function eventsOn(story: Scenario, node?: string) {
  const namespace = node === undefined ? story.namespace : 'default'
  const { items } = await lab.kube.list(events, { namespace })
  const about = node ?? name
  return items.filter(
    ({ involvedObject, source }) => involvedObject.name === about && source?.component === 'kmm',
  )
}
const reasonsOn = async (story: Scenario, node?: string) =>
  (await eventsOn(story, node)).map(({ reason = '' }) => reason).toSorted((a, b) => (a < b ? -1 : 1))
const applyText = async (story: Scenario, text: string) =>
  await story.apply(dockerfile(story.namespace, name, tinyDockerfile('reg.example/base:1', ['echo', text])))
const setParameter = async (story: Scenario, parameter: string) => {
  const modprobe = { parameters: [parameter] }
  const ref = { namespace: story.namespace, name }
  await lab.kube.patch(modules, ref, { spec: { moduleLoader: { container: { modprobe } } } })
}
/** As it was loaded at first. */
const withoutParameters = async (story: Scenario) => {
  const ref = { namespace: story.namespace, name }
  await lab.kube.patch(modules, ref, {
    spec: { moduleLoader: { container: { modprobe: { parameters: null } } } },
  })
}
const kubectl = async (...line: readonly string[]) =>
  await runOrThrow([
    await ensurePrograms(['kubectl']).path('kubectl'),
    '--kubeconfig',
    lab.state.kubernetes.kubeconfig,
    ...line,
  ])
/** What an operator has counted since its start, by metric and labels. */
async function counters(): Promise<ReadonlyMap<string, number>> {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const lines = page.matchAll(/^kmm_((?:builds|loads|unloads|holds|left)\w*_total(?:\{.*\})?) (\d+)$/gm)
  return new Map([...lines].map(([, what = '', count]) => [what, Number(count)]))
}
const activeBuild = (story: Scenario) =>
  story.pods.builds(name).find(({ gone, pod }) => !gone && pod.status?.phase !== 'Failed')

test('images:EVT, nodes:EVT: everything that happens to a Module is an Event, once', async ({ open }) => {
  const story = await open('events')
  const { namespace } = story
  const { registry } = lab.state
  let builds: 'fail' | 'run' | 'succeed' = 'fail'
  const faults: { Load?: object; Unload?: object } = {}
  const node = await playNode(story, kernel, (pod) => {
    if (!isBuild(pod))
      return ended(pod, faults[pod.metadata.labels?.[labels.workerAction] as 'Load' | 'Unload'])
    return builds === 'run' ? undefined : built(builds === 'fail' ? 1 : 0)
  })
  await story.apply(tinyModule({ namespace, name, registry }))
  await story.untilKernel(name, 'has no Dockerfile', ({ reason }) => reason === 'DockerfileConfigMapMissing')
  await applyText(story, 'first')
  await story.untilKernel(name, 'is held', ({ phase }) => phase === 'BuildFailed')
  const atFirst = ['BuildCreated', 'BuildFailed', 'DockerfileConfigMapMissing', 'HoldReleased']
  expect(await reasonsOn(story)).toEqual(atFirst)
  const before = await eventually('the hold is counted', counters, (all) =>
    [...all].some(([what]) => what === 'holds_total{reason="BuildFailed"}'),
  )

  // A new operator looks at the same failed pod: nothing is said again.
  await operator.kill9()
  await operator.start()
  builds = 'run'
  await story.retry(name, kernel)
  await eventually(
    'the second build pod is there',
    () => activeBuild(story),
    (pod) => pod !== undefined,
  )
  await applyText(story, 'second')
  await eventually(
    'the second build is superseded by a third',
    () => reasonsOn(story),
    (reasons) => expect(reasons.filter((reason) => reason === 'BuildCreated')).toHaveLength(3),
  )
  await pushTestImage({ url: `http://${registry}` }, { repository: `${namespace}/${name}`, tag: kernel })
  builds = 'succeed'
  const [met] = await Promise.all([
    kubectl('wait', '--for=condition=Ready', `module/${name}`, '-n', namespace, '--timeout=4m'),
    story.untilLoaded(name),
  ])
  expect(met).toContain('condition met')
  expect(await reasonsOn(story, node)).toEqual(['ModuleLoaded'])

  faults.Unload = { reason: 'InUse', message: 'tiny is in use' }
  await setParameter(story, 'debug=1')
  await story.untilKernel(name, 'fails more than once', ({ message }) =>
    /failed \S+ times/.test(message ?? ''),
  )
  faults.Load = { reason: 'UnknownSymbol', message: 'tiny: Unknown symbol' }
  delete faults.Unload
  await story.untilKernel(name, 'is held', ({ reason }) => reason === 'UnknownSymbol')
  await story.retry(name, kernel)
  await eventually(
    'who has retried is told that it failed again',
    () => reasonsOn(story),
    (reasons) => expect(reasons.filter((reason) => reason === 'LoadFailed')).toHaveLength(2),
  )
  await story.untilRetryIsTaken(name)
  await story.untilKernel(name, 'is held again', ({ phase }) => phase === 'LoadFailed')
  delete faults.Load
  await story.retry(name, kernel)
  await story.untilLoaded(name)

  const counts = Object.groupBy(await reasonsOn(story), (reason) => reason)
  const said = Object.fromEntries(Object.entries(counts).map(([reason, all = []]) => [reason, all.length]))
  expect(said).toEqual({
    BuildCreated: 3,
    BuildFailed: 1,
    BuildSucceeded: 1,
    DockerfileConfigMapMissing: 1,
    HoldReleased: 4,
    // At first, and after a retry.
    LoadFailed: 2,
    Superseded: 1,
    // However often it was tried.
    UnloadFailed: 1,
  })
  expect(await reasonsOn(story, node)).toEqual([
    'ModuleLoadFailed',
    'ModuleLoadFailed',
    'ModuleLoaded',
    'ModuleLoaded',
    'ModuleUnloadFailed',
    'ModuleUnloaded',
  ])
  await withoutParameters(story)
  await eventually(
    'what was loaded at first is loaded again, and said again',
    () => reasonsOn(story, node),
    (reasons) => {
      expect(reasons.filter((reason) => reason === 'ModuleUnloaded')).toHaveLength(2)
      expect(reasons.filter((reason) => reason === 'ModuleLoaded')).toHaveLength(3)
    },
  )

  const after = await counters()
  const counted = (what: string) => (before.get(what) ?? 0) + (after.get(what) ?? 0)
  const total = (what: string) =>
    [...new Set([...before.keys(), ...after.keys()])]
      .filter((key) => key === what || key.startsWith(`${what}{`))
      .reduce((sum, key) => sum + counted(key), 0)
  expect({
    BuildCreated: counted('builds_created_total'),
    BuildFailed: counted('builds_total{result="failed",reason="BuildFailed"}'),
    BuildSucceeded: counted('builds_total{result="succeeded",reason="Completed"}'),
    DockerfileConfigMapMissing: counted('holds_total{reason="DockerfileConfigMapMissing"}'),
    HoldReleased: total('holds_released_total'),
    LoadFailed: counted('loads_total{result="failed",reason="UnknownSymbol"}'),
    Superseded: counted('builds_superseded_total'),
    UnloadFailed: Math.min(1, counted('unloads_total{result="failed",reason="InUse"}')),
  }).toEqual(said)
  expect(total('builds_total')).toBe(2)
  expect(total('holds_total')).toBe(4)
  expect(counted('loads_total{result="succeeded",reason="Completed"}')).toBe(3)
  expect(counted('unloads_total{result="succeeded",reason="Completed"}')).toBe(2)

  const { generation } = (await story.module(name))?.metadata ?? {}
  const described = await eventually(
    'status is of the last change',
    () => kubectl('describe', 'module', name, '-n', namespace),
    (text) => expect(text).toMatch(new RegExp(`Observed Generation: +${generation}\\n`)),
  )
  for (const reason of Object.keys(said)) expect(described).toContain(` ${reason} `)
  expect(await kubectl('describe', 'node', node)).toContain(' ModuleLoaded ')
  const uid = (await story.module(name))?.metadata.uid
  const buildPods = story.pods.builds(name).map((pod) => pod.name)
  for (const event of await eventsOn(story)) {
    expect(event.involvedObject).toMatchObject({ kind: 'Module', namespace, name, uid })
    const { 'pod-name': pod, ...others } = event.metadata.annotations ?? {}
    const created = event.reason === 'BuildCreated'
    const at = created ? { 'pod-creation-timestamp': expect.any(String) as string } : {}
    expect(others).toEqual({ 'kernel-version': kernel, ...at })
    if (/^(Build|Superseded)/.test(event.reason ?? '')) expect(buildPods).toContain(pod)
    else expect(pod).toBeUndefined()
  }
  for (const { metadata } of await eventsOn(story, node))
    expect(metadata.annotations).toEqual({ module: `${namespace}/${name}` })
})
