import { expect, vi } from 'vitest'
import { nodeModulesConfigs, nodes, pods, secrets, type CustomObject } from '../activities/kube/resources.ts'
import { annotations, kmmWorkerPodName, labels, workerPodName } from '../api/names.ts'
import { eventually } from './support/eventually.ts'
import { createPod, forgeBuildPods, forgedReport, forgeWorkerPod, writeStatus } from './support/forgedPods.ts'
import { pushTestImage } from './support/pushTestImage.ts'
import { expectNoTrace } from './support/noTrace.ts'
import { kernel, type Scenario } from './support/scenario.ts'
import { useSimulatedLab } from './support/simulatedLab.ts'
import { stories, useOperator } from './support/stories.ts'
import { dockerfile, tinyBuild, tinyDockerfile, tinyModule } from './support/tinyModule.ts'
import { withoutPolicies } from './support/withoutPolicies.ts'

/** What a tenant who may create pods, and nothing else, can make of it when no admission policy refuses. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const lab = useSimulatedLab()
const operator = useOperator(lab, { build: { maxParallel: 2 } })
const test = stories(lab, operator)
const name = 'tiny'

const push = (story: Scenario, tag: string, text?: string) =>
  pushTestImage(
    { url: `http://${lab.state.registry}` },
    { repository: `${story.namespace}/${name}`, tag, ...(text === undefined ? {} : { text }) },
  )
const recordOf = async (node: string) =>
  (await lab.kube.get<CustomObject>(nodeModulesConfigs, { name: node }))!

test('a forged worker pod makes the operator write, label, emit and make nothing', async ({ open }) => {
  await withoutPolicies(lab.kube)
  const victim = await open('victim')
  const tenant = await open('tenant', 'restricted')
  const nodeName = await victim.addNode()
  await push(victim, kernel)
  await victim.applyTiny(name)
  await victim.untilLoaded(name)
  const node = { name: nodeName, bootId: `boot-${nodeName}`, kernel }
  const uid = (await lab.kube.get(nodes, { name: nodeName }))!.metadata.uid
  const record = { name: nodeName, uid: (await recordOf(nodeName)).metadata.uid }
  // A Module of the tenant's own, which waits for its Dockerfile.
  await tenant.apply(tinyModule({ namespace: tenant.namespace, name: 'held', registry: lab.state.registry }))

  const forge = async (podName: string, module: string) => {
    const { metadata } = await forgeWorkerPod(tenant, { name: podName, module, node }, record)
    const state = { terminated: { exitCode: 0, message: forgedReport(node) } }
    const container = { name: 'worker', image: 'x', imageID: 'x', ready: false, restartCount: 0, state }
    await writeStatus(tenant, podName, { phase: 'Succeeded', containerStatuses: [container] })
    return metadata.uid
  }
  const forged: string[] = []
  for (const module of ['evil', 'held']) {
    forged.push(await forge(`innocent-${module}`, module))
    forged.push(await forge(kmmWorkerPodName(nodeName, module), module))
  }
  forged.push(await forge(workerPodName(uid, { namespace: tenant.namespace, name: 'evil' }), 'evil'))
  const inTheWay = workerPodName(uid, { namespace: tenant.namespace, name: 'held' })

  // Who has seen this change has seen all that was before it.
  await victim.deleteModule(name)
  await expectNoTrace(tenant, nodeName, 'evil')
  expect(tenant.pods.all().map((pod) => pod.uid)).toEqual(forged)

  // Under the name that a pod of the Module would have, it is removed, and no more.
  const exact = await forge(inTheWay, 'held').catch(() => undefined)
  await eventually(
    'the pod in the way is gone',
    () => lab.kube.get(pods, { namespace: tenant.namespace, name: inTheWay }),
    (pod) => pod === undefined,
  )
  const made = tenant.pods.all().map((pod) => pod.uid)
  expect(made.filter((made) => !forged.includes(made) && made !== exact)).toHaveLength(
    exact === undefined ? 1 : 0,
  )
  await expectNoTrace(tenant, nodeName, 'evil')
})

test('forged build pods take no place, and no attempt is counted by what they say', async ({ open }) => {
  await withoutPolicies(lab.kube)
  const story = await open('places')
  await story.addNode()
  await story.apply(tinyModule({ namespace: story.namespace, name, registry: lab.state.registry }))
  await story.untilKernel(name, 'has no Dockerfile', ({ reason }) => reason === 'DockerfileConfigMapMissing')
  const uid = (await story.module(name))!.metadata.uid ?? ''
  const of = { [labels.moduleName]: name, [labels.moduleUid]: uid }
  await forgeBuildPods(
    story,
    Array.from({ length: 10 }, (_, at) => {
      const inputHash = `abcdef0${at}`
      const attempt = at % 2 === 0 ? 'Infinity' : '7'
      return {
        name: at < 5 ? `stranger-${at}` : `${name}-build-${inputHash}-${attempt.toLowerCase()}`,
        labels: { ...of, [labels.inputHash]: inputHash, [labels.attempt]: attempt },
      }
    }),
  )
  await story.apply(dockerfile(story.namespace, name, tinyDockerfile('reg.example/base:1', ['echo', 'x'])))
  const entry = await story.untilKernel(name, 'is built', ({ buildPod }) => buildPod !== undefined)
  await eventually(
    'the build pod is there',
    () => lab.kube.get(pods, { namespace: story.namespace, name: entry.buildPod ?? '' }),
    (pod) => pod?.spec?.containers.some((container) => container.name === 'kaniko'),
  )
  expect(await story.kernelStatus(name)).toMatchObject({ phase: 'Building', attempt: 1 })
  expect((await story.kernelStatus(name))?.reason).not.toBe('BuildQueued')
})

test('a pod that was made under the name of the next build is not taken for it, nor its digest', async ({
  open,
}) => {
  await withoutPolicies(lab.kube)
  const story = await open('early')
  const { namespace } = story
  await story.addNode()
  // What the tenant would have nodes load: an old image of the same repository.
  const digest = await push(story, 'old', 'vulnerable')
  await story.apply(dockerfile(namespace, name, tinyDockerfile('reg.example/base:1', ['echo', 'x'])))
  const build = { ...tinyBuild(name), secrets: [{ name: 'late' }] }
  await story.apply(tinyModule({ namespace, name, registry: lab.state.registry, mapping: { build } }))
  const entry = await story.untilKernel(
    name,
    'waits for its Secret, and names its pod',
    ({ reason, buildPod }) => reason === 'SecretMissing' && buildPod !== undefined,
  )
  const { buildPod = '', inputHash = '', image = '' } = entry
  const metadata = {
    labels: {
      [labels.partOf]: 'kmm',
      [labels.resourceType]: 'BuildImage',
      [labels.moduleName]: name,
      [labels.moduleUid]: (await story.module(name))!.metadata.uid ?? '',
      [labels.inputHash]: inputHash,
      [labels.attempt]: '1',
    },
    annotations: { [annotations.kernel]: kernel, [annotations.image]: image },
  }
  const spec = { restartPolicy: 'Never', containers: [{ name: 'kaniko', image: 'attacker.example/evil:1' }] }
  const forged = await createPod(story, buildPod, metadata, spec)
  const state = { terminated: { exitCode: 0, message: digest } }
  const container = { name: 'kaniko', image: 'x', imageID: 'x', ready: false, restartCount: 0, state }
  await writeStatus(story, buildPod, { phase: 'Succeeded', containerStatuses: [container] })
  await story.apply({ apiVersion: 'v1', kind: secrets.kind, metadata: { namespace, name: 'late' }, data: {} })
  await eventually(
    'the operator makes its own pod of that name',
    () => lab.kube.get(pods, { namespace, name: buildPod }),
    (pod) => expect(pod?.spec?.containers[0]?.args?.[0]).toBe('--destination'),
  )
  expect((await lab.kube.get(pods, { namespace, name: buildPod }))?.metadata.uid).not.toBe(
    forged.metadata.uid,
  )
  expect(JSON.stringify(await story.kernelStatus(name))).not.toContain(digest)
})
