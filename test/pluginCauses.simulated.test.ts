import { expect, vi } from 'vitest'
import type { WriteBody } from '../activities/kube/kube.ts'
import { events, type Resource, type StoredObject } from '../activities/kube/resources.ts'
import { eventually } from './support/eventually.ts'
import { ended, playNode } from './support/playedNode.ts'
import { startPrivateRegistry } from './support/privateRegistry.ts'
import { pushTestImage } from './support/pushTestImage.ts'
import { kernel, type Scenario } from './support/scenario.ts'
import { useSimulatedLab } from './support/simulatedLab.ts'
import { stories, useOperator } from './support/stories.ts'
import { dockerfile, tinyBuild, tinyModule } from './support/tinyModule.ts'
import { expectWhy, type ToldCause } from './support/why.ts'

/**
 * `why` beside the real operator, a real control plane and real registries, for causes that need no kubelet. Builds
 * that fail and what real nodes say are told in test/scenarios.
 */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const lab = useSimulatedLab()
const operator = useOperator(lab)
const test = stories(lab, operator)
const name = 'tiny'

/** Modules that the operator can do nothing for, by name: what is wrong, and which line tells it. */
interface Cause extends ToldCause {
  readonly name: string
  readonly mapping?: object
  readonly spec?: Readonly<Record<string, unknown>>
}
const causes: readonly Cause[] = [
  { name: 'mapping', mapping: { regexp: '^5' }, reason: 'NoMapping', line: 'kernel mapping' },
  {
    name: 'template',
    mapping: { containerImage: 'reg.example/a:$NOPE' },
    reason: 'TemplateInvalid',
    line: 'template',
  },
  {
    name: 'reference',
    mapping: { containerImage: 'reg.example/A B:1' },
    reason: 'ImageReferenceInvalid',
    line: 'image',
  },
  { name: 'missing', reason: 'ImageMissing', line: 'registry' },
  {
    name: 'registry',
    mapping: { containerImage: '127.0.0.1:1/a:1' },
    reason: 'RegistryUnreachable',
    line: 'registry',
  },
  {
    name: 'no-file',
    mapping: { build: tinyBuild('nope') },
    reason: 'DockerfileConfigMapMissing',
    line: 'Dockerfile',
  },
  {
    name: 'no-key',
    mapping: { build: tinyBuild('no-key') },
    reason: 'DockerfileKeyMissing',
    line: 'Dockerfile',
  },
  {
    name: 'secret',
    mapping: { build: { ...tinyBuild(name), secrets: [{ name: 'nope' }] } },
    reason: 'SecretMissing',
    line: 'secrets',
  },
  { name: 'selector', spec: { selector: { no: 'such' } }, reason: 'NoNodes', line: 'selector' },
  {
    name: 'taints',
    spec: { selector: { tainted: 'yes' }, tolerations: [] },
    reason: 'NoNodes',
    line: 'taints',
  },
]

function module(story: Scenario, of: string, mapping: object = {}, spec: object = {}): WriteBody {
  const { namespace } = story
  const { registry } = lab.state
  return tinyModule({
    namespace,
    name: of,
    registry,
    mapping: { build: undefined, ...mapping },
    spec: { ...spec },
  })
}

async function push({ namespace }: Scenario, repository: string): Promise<void> {
  const at = { url: `http://${lab.state.registry}` }
  await pushTestImage(at, { repository: `${namespace}/${repository}`, tag: kernel })
}

test('causes that the operator writes down, side by side in one namespace', async ({ open }) => {
  const story = await open('why-all')
  const { namespace } = story
  await playNode(story, kernel, () => undefined)
  await story.addNode(kernel, { tainted: 'yes' })
  await story.apply(
    dockerfile(namespace, name, 'FROM scratch'),
    { ...dockerfile(namespace, 'no-key', ''), data: { Dockerfile: 'FROM scratch' } },
    ...causes.map(({ name: of, mapping, spec }) => module(story, of, mapping, spec)),
  )
  for (const { name: of, ...told } of causes) {
    await story.untilCondition(of, { type: 'Ready', reason: told.reason })
    await expectWhy(story, of, told)
  }
  await eventually(
    'images:EVT-4: all but a lack of nodes is an Event of its Module, once',
    () => lab.kube.list(events, { namespace }),
    ({ items }) => {
      const said = items
        .filter(({ source }) => source?.component === 'kmm')
        .map(({ involvedObject, reason, metadata }) => [
          involvedObject.name,
          reason,
          metadata.annotations?.['kernel-version'],
        ])
      const expected = causes
        .filter(({ reason }) => reason !== 'NoNodes')
        .map(({ name: of, reason }) => [of, reason === 'NoMapping' ? 'NoKernelMapping' : reason, kernel])
      expect(said).toHaveLength(expected.length)
      expect(said).toEqual(expect.arrayContaining(expected))
    },
  )
})

test('a registry that refuses the login', async ({ open }) => {
  const story = await open('why-login')
  await playNode(story, kernel, () => undefined)
  const { host } = await startPrivateRegistry(lab.folder, '127.0.0.1', { name: 'closed', login: true })
  await story.apply(module(story, name, { containerImage: `${host}/a:1` }))
  const reason = 'RegistryUnauthorized'
  await story.untilCondition(name, { type: 'Ready', reason })
  await expectWhy(story, name, { line: 'registry', reason })
})

test('one image for two Modules: of the same inputs, and of others', async ({ open }) => {
  const story = await open('why-claim')
  const { namespace } = story
  await playNode(story, kernel, () => undefined)
  const containerImage = `${lab.state.registry}/${namespace}/shared:1`
  const wants = (of: string, configMap: string) =>
    module(story, of, { containerImage, build: tinyBuild(configMap) })
  await story.apply(
    dockerfile(namespace, 'one', 'FROM scratch'),
    dockerfile(namespace, 'two', 'FROM scratch\nLABEL two=2'),
    wants('first', 'one'),
  )
  // No node of this lab can build.
  await story.untilKernel('first', 'has its build pod', ({ reason }) => reason === 'Unschedulable')
  await expectWhy(story, 'first', { line: 'build', reason: 'Unschedulable' })
  await story.apply(wants('same', 'one'), wants('other', 'two'))
  await story.untilKernel('same', 'waits for it', ({ reason }) => reason === 'ImageClaimed')
  await expectWhy(story, 'same', { line: 'claim', reason: 'ImageClaimed', goesOn: true })
  await story.untilKernel('other', 'cannot have it', ({ reason }) => reason === 'ImageContested')
  await expectWhy(story, 'other', { line: 'claim', reason: 'ImageContested' })
})

test('a namespace whose Pod Security refuses the pods', async ({ open }) => {
  const story = await open('why-level', 'restricted')
  await playNode(story, kernel, () => undefined)
  await push(story, name)
  await story.apply(module(story, name))
  const reason = 'PodRefusedByPodSecurity'
  await story.untilCondition(name, { type: 'Ready', reason })
  await expectWhy(story, name, { line: 'namespace', reason })
})

test('a quota that refuses the worker pod, and one that refuses the build pod', async ({ open }) => {
  const quotas: Resource<StoredObject> = {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    plural: 'resourcequotas',
    namespaced: true,
  }
  const story = await open('why-quota')
  const { namespace } = story
  await playNode(story, kernel, (pod) => ended(pod))
  const metadata = { namespace, name: 'none' }
  const spec = { hard: { pods: '0' } }
  await lab.kube.create(quotas, { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec })
  await eventually(
    'the quota is in force',
    () => lab.kube.get(quotas, metadata),
    (quota) => JSON.stringify(quota).includes('"status":{"hard"'),
  )
  await push(story, 'pushed')
  await story.apply(
    dockerfile(namespace, 'built', 'FROM scratch'),
    module(story, 'pushed'),
    module(story, 'built', { build: tinyBuild('built') }),
  )
  const reason = 'PodRefusedByQuota'
  await story.untilCondition('pushed', { type: 'Ready', reason })
  await expectWhy(story, 'pushed', { line: 'worker pod', reason })
  await story.untilCondition('built', { type: 'Ready', reason })
  await expectWhy(story, 'built', { line: 'build', reason })
  await story.remove(quotas, 'none')
})

test('worker pods of a ServiceAccount that is not there', async ({ open }) => {
  const story = await open('why-account')
  await playNode(story, kernel, () => undefined)
  await push(story, name)
  const body = module(story, name) as WriteBody & { spec: { moduleLoader: object } }
  const moduleLoader = { ...body.spec.moduleLoader, serviceAccountName: 'nobody' }
  await story.apply({ ...body, spec: { ...body.spec, moduleLoader } } as WriteBody)
  await story.untilKernel(name, 'has no worker pod', ({ reason = '' }) => reason.startsWith('Pod'))
  await expectWhy(story, name, { line: 'worker pod', reason: 'ServiceAccountMissing' })
})
