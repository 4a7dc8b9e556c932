import { describe, expect } from 'vitest'
import type { WriteBody } from '../../activities/kube/kube.ts'
import { namespaces, type Resource, type StoredObject } from '../../activities/kube/resources.ts'
import { freePorts } from '../../lab/ports.ts'
import { registryLogin, startRegistry } from '../../lab/registry.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { eventually } from '../support/eventually.ts'
import { stories } from '../support/stories.ts'
import { tagsOf } from '../support/registry.ts'
import { kernel, type Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { dockerfile, tinyBuild, tinyDockerfile, tinyModule } from '../support/tinyModule.ts'
import { expectWhy } from '../support/why.ts'

const lab = useLab()
const test = stories(lab)
const name = 'tiny'
const image = 'spec.moduleLoader.container.kernelMappings[0].containerImage'

const configMap = ({ namespace, base }: Scenario) => dockerfile(namespace, name, tinyDockerfile(base))
const module = (story: Scenario, mapping: object = {}, spec: object = {}) =>
  tinyModule({
    namespace: story.namespace,
    name,
    registry: lab.state.registry,
    mapping: { ...mapping },
    spec: { ...spec },
  })

interface BadInput {
  readonly what: string
  readonly reason: string
  /** Of the checklist of `kubectl kmod why`. */
  readonly line: string
  /** Stands in the message. */
  readonly field: string
  readonly bad: (story: Scenario) => WriteBody[]
  /** Applied afterwards. */
  readonly mended: (story: Scenario) => WriteBody[]
}

describe('what only a person can mend is said with its field, costs nothing, and ends by itself when mended', () => {
  const inputs: readonly BadInput[] = [
    {
      what: 'missing ConfigMap',
      reason: 'DockerfileConfigMapMissing',
      line: 'Dockerfile',
      field: 'build.dockerfileConfigMap',
      bad: (story) => [module(story)],
      mended: (story) => [configMap(story)],
    },
    {
      what: 'missing key',
      reason: 'DockerfileKeyMissing',
      line: 'Dockerfile',
      field: 'build.dockerfileConfigMap',
      bad: (story) => [{ ...configMap(story), data: { Dockerfile: 'FROM scratch' } }, module(story)],
      mended: (story) => [configMap(story)],
    },
    {
      what: 'invalid image reference',
      reason: 'ImageReferenceInvalid',
      line: 'image',
      field: image,
      bad: (story) => [configMap(story), module(story, { containerImage: `${lab.state.registry}/Tiny:1` })],
      mended: (story) => [module(story)],
    },
    {
      what: 'unknown template variable',
      reason: 'TemplateInvalid',
      line: 'template',
      field: image,
      bad: (story) => [
        configMap(story),
        module(story, { containerImage: `${lab.state.registry}/tiny:\${KERNEL_RELEASE}` }),
      ],
      mended: (story) => [module(story)],
    },
    {
      what: 'missing build secret',
      reason: 'SecretMissing',
      line: 'secrets',
      field: 'build.secrets',
      bad: (story) => [
        configMap(story),
        module(story, { build: { ...tinyBuild(name), secrets: [{ name: 'token' }] } }),
      ],
      mended: ({ namespace }) => [
        { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'token' } },
      ],
    },
  ]
  test.for(inputs)('$what', async ({ reason, line, field, bad, mended }, { open }) => {
    const story = await open('bad')
    await story.addNode()
    await story.apply(...bad(story))
    const condition = await story.untilCondition(name, { type: 'Ready', status: 'False', reason })
    expect(condition.message).toContain(field)
    // Another run than the Module's writes it.
    await story.untilKernel(name, reason, (entry) => entry.reason === reason)
    await expectWhy(story, name, { line, reason })
    expect(story.pods.all()).toEqual([])

    await story.apply(...mended(story))
    await story.untilLoaded(name)
    expect(story.pods.builds()).toHaveLength(1)
  })
})

describe('registries', () => {
  const programs = ensurePrograms(['docker-registry'])
  const start = (port: number, login: boolean) =>
    startRegistry({
      dir: `${lab.folder.dir}/registry-${port}`,
      supervisor: lab.folder.supervisor,
      programs,
      address: lab.state.address,
      port,
      name: `registry-${port}`,
      login,
    })

  test('an unreachable registry is tried until it answers', async ({ open }) => {
    const story = await open('nowhere')
    await story.addNode()
    const [port = 0] = await freePorts(1, lab.state.address)
    const registry = `${lab.state.address}:${port}`
    await story.applyTiny(name, [], { registry })
    const { message } = await story.untilCondition(name, {
      type: 'Ready',
      status: 'False',
      reason: 'RegistryUnreachable',
    })
    expect(message).toContain(`${image}: registry ${registry}`)
    expect(message).toContain('tried again')
    await expectWhy(story, name, { line: 'registry', reason: 'RegistryUnreachable' })
    expect(story.pods.all()).toEqual([])

    await start(port, false)
    await story.untilLoaded(name)
    expect(await tagsOf(registry, `${story.namespace}/${name}`)).toEqual([kernel])
    expect((await story.kernelStatus(name))?.reason).toBeUndefined()
  })

  test('a registry that refuses is tried until there is a Secret it takes', async ({ open }) => {
    const story = await open('login')
    await story.addNode()
    const [port = 0] = await freePorts(1, lab.state.address)
    const { host } = await start(port, true)
    await story.applyTiny(name, [], { registry: host, spec: { imageRepoSecret: { name: 'login' } } })
    const { message } = await story.untilCondition(name, {
      type: 'Ready',
      status: 'False',
      reason: 'RegistryUnauthorized',
    })
    expect(message).toContain(`imageRepoSecret: Secret ${story.namespace}/login does not exist`)
    await expectWhy(story, name, { line: 'registry', reason: 'RegistryUnauthorized' })
    expect(story.pods.all()).toEqual([])

    const { namespace } = story
    const stringData = { '.dockerconfigjson': JSON.stringify({ auths: { [host]: registryLogin } }) }
    const type = 'kubernetes.io/dockerconfigjson'
    const metadata = { namespace, name: 'login' }
    await story.apply({ apiVersion: 'v1', kind: 'Secret', metadata, type, stringData })
    await story.untilLoaded(name)
    expect(story.pods.builds()).toHaveLength(1)
  })
})

describe('pods that the cluster refuses', () => {
  test('by the Pod Security level of the namespace', async ({ open }) => {
    const story = await open('level', 'restricted')
    await story.addNode()
    await story.applyTiny(name)
    const { message } = await story.untilCondition(name, {
      type: 'Ready',
      status: 'False',
      reason: 'PodRefusedByPodSecurity',
    })
    expect(message).toContain('pod-security.kubernetes.io/enforce=privileged')
    const allow = `kubectl label --overwrite namespace ${story.namespace} pod-security.kubernetes.io/enforce=privileged`
    await expectWhy(story, name, { line: 'namespace', reason: 'PodRefusedByPodSecurity', helps: allow })
    await story.untilCondition(name, { type: 'Degraded', status: 'True', reason: 'PodRefusedByPodSecurity' })
    expect(story.pods.all()).toEqual([])

    const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' }
    await lab.kube.patch(namespaces, { name: story.namespace }, { metadata: { labels } })
    await story.untilLoaded(name)
    expect(story.pods.builds()).toHaveLength(1)
  })

  test('by a quota', async ({ open }) => {
    const quotas: Resource<StoredObject> = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      plural: 'resourcequotas',
      namespaced: true,
    }
    const story = await open('quota')
    const { namespace } = story
    await story.addNode()
    const spec = { hard: { pods: '0' } }
    const metadata = { namespace, name: 'none' }
    await lab.kube.create(quotas, { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec })
    await eventually(
      'the quota is in force',
      () => lab.kube.get(quotas, metadata),
      (quota) => expect(quota).toMatchObject({ status: { hard: spec.hard } }),
    )
    await story.applyTiny(name)
    const { message } = await story.untilCondition(name, {
      type: 'Ready',
      status: 'False',
      reason: 'PodRefusedByQuota',
    })
    expect(message).toContain('none')
    const look = `kubectl -n ${namespace} describe resourcequota`
    await expectWhy(story, name, { line: 'build', reason: 'PodRefusedByQuota', helps: look })
    expect(story.pods.all()).toEqual([])

    await story.remove(quotas, 'none')
    await story.untilLoaded(name)
    expect(story.pods.builds()).toHaveLength(1)
  })
})

test('an invalid regular expression is refused at apply, with its field', async ({ open }) => {
  const story = await open('regexp')
  await expect(story.apply(module(story, { regexp: '^(6' }))).rejects.toThrow(
    /spec\.moduleLoader\.container\.kernelMappings.*missing closing \)/,
  )
})
