import { expect } from 'vitest'
import type { WriteBody } from '../../activities/kube/kube.ts'
import { modules, nodes, secrets, serviceAccounts } from '../../activities/kube/resources.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { run } from '../../lab/programs/exec.ts'
import { buildNodeLabels, buildNodeName } from '../../lab/realNodes.ts'
import { simulatedTaint } from '../../lab/simulated/nodes.ts'
import { stories } from '../support/stories.ts'
import { eventually } from '../support/eventually.ts'
import { registrySecret, startRegistryInLab } from '../support/privateRegistry.ts'
import type { Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { dockerfile, tinyBuild, tinyDockerfile, tinyModule, type TinyModule } from '../support/tinyModule.ts'
import { expectWhy } from '../support/why.ts'

/** The build pod on a real node, with the real executor and real registries; target nodes are simulated. */
const lab = useLab()
const test = stories(lab)
const name = 'tiny'

function secret(namespace: string, of: string, stringData: Readonly<Record<string, string>>): WriteBody {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: of }, stringData }
}
/** A build command that fails unless the shell expression holds. */
const requires = (expression: string) => ['sh', '-c', expression]

async function buildNode() {
  const info = (await lab.kube.get(nodes, { name: buildNodeName }))?.status?.nodeInfo
  const { kernelVersion: kernel = '', osImage = '', architecture = '' } = info ?? {}
  return { node: buildNodeName, kernel, osImage, architecture }
}

/** A tiny Module with a Dockerfile of its own. */
async function apply(story: Scenario, text: string, change: Partial<TinyModule>): Promise<void> {
  const { namespace } = story
  const { registry } = lab.state
  await story.apply(dockerfile(namespace, name, text), tinyModule({ namespace, name, registry, ...change }))
}

/** Changes fields of the Module's only kernel mapping. */
async function changeMapping(story: Scenario, change: Readonly<Record<string, unknown>>): Promise<void> {
  const [mapping] = (await story.module(name))?.spec.moduleLoader?.container.kernelMappings ?? []
  const container = { kernelMappings: [{ ...mapping, ...change }] }
  const ref = { namespace: story.namespace, name }
  await lab.kube.patch(modules, ref, { spec: { moduleLoader: { container } } })
}

test("arguments, Secrets, the node's modules and the login are where the page says, and the origin is kept", async ({
  open,
}) => {
  const kernel = '6.6.1+build.1'
  const registry = await startRegistryInLab(lab, { name: 'login-registry', login: true })
  const story = await open('contract')
  const { namespace } = story
  const other = await story.addNode(kernel, undefined, 'Ubuntu 24.04.1 LTS')
  await story.apply(
    secret(namespace, 'my.build-secret', { token: 's3cret-token' }),
    registrySecret(namespace, 'push', registry.host),
  )
  const image = `${registry.host}/${namespace}/${name}`
  const value = '$(KMM_BUILD_NODE) $$ "quoted"'
  const [target = ''] = lab.vm.kernels
  const steps = [
    requires(`test "$KERNEL_FULL_VERSION $KERNEL_VERSION" = "${kernel} ${kernel}"`),
    requires(`test "$MOD_NAME $MOD_NAMESPACE" = "${name} ${namespace}"`),
    requires(`test "$OWN" = '${value}'`),
    requires('test "$(/bin/busybox cat /run/secrets/my.build-secret/token)" = s3cret-token'),
    requires(`test -e /host/lib/modules/${target}/modules.dep`),
    requires('! /bin/busybox touch /host/lib/modules/x'),
    requires('! /bin/busybox touch /run/secrets/my.build-secret/x'),
  ]
  const args = ['KERNEL_FULL_VERSION', 'KERNEL_VERSION', 'MOD_NAME', 'MOD_NAMESPACE', 'OWN']
  const text = tinyDockerfile(story.base, ...steps).replace(
    '\n',
    `\n${args.map((arg) => `ARG ${arg}\n`).join('')}`,
  )
  await apply(story, text, {
    mapping: {
      containerImage: `${image}:\${KERNEL_FULL_VERSION}`,
      build: {
        ...tinyBuild(name),
        secrets: [{ name: 'my.build-secret' }],
        buildArgs: [
          { name: 'MOD_NAME', value: 'mine' },
          { name: 'KERNEL_VERSION', value: '5.4' },
          { name: 'OWN', value },
        ],
      },
    },
    spec: { imageRepoSecret: { name: 'push' } },
  })
  await story.untilLoaded(name)

  const entry = await story.kernelStatus(name, kernel)
  expect(entry).toMatchObject({ phase: 'Loaded', attempt: 1, image: `${image}:6.6.1_build.1` })
  const builtOn = await buildNode()
  expect(entry?.builtOn).toEqual(builtOn)
  const differs = { type: 'BuildNodeDiffers', status: 'True', reason: 'DistributionDiffers' } as const
  const { message } = await story.untilCondition(name, differs)
  for (const word of [kernel, buildNodeName, builtOn.osImage, other, 'Ubuntu 24.04.1 LTS'])
    expect(message).toContain(word)

  // A Module created anew over the image finds its origin in the image's labels.
  await story.deleteModule(name)
  await story.addNode(kernel, { 'kmm-temporal.test/like-builder': namespace }, builtOn.osImage)
  const tiny = { mapping: { containerImage: `${image}:\${KERNEL_FULL_VERSION}`, build: tinyBuild(name) } }
  const selector = { 'kmm-temporal.test/like-builder': namespace }
  await story.applyTiny(name, [], { ...tiny, spec: { selector, imageRepoSecret: { name: 'push' } } })
  await story.untilLoaded(name)
  expect(story.pods.builds()).toHaveLength(1)
  expect((await story.kernelStatus(name, kernel))?.builtOn).toEqual(builtOn)
  await story.untilCondition(name, { type: 'BuildNodeDiffers', status: 'False', reason: 'SameDistribution' })
})

test('images:BLD-9: without a selector a build goes to a node of its kernel, and never to a simulated one', async ({
  open,
}) => {
  const { kernel } = await buildNode()
  const story = await open('placed')
  const build = { dockerfileConfigMap: { name }, baseImageRegistryTLS: { insecure: true } }
  // The build node is the target: nothing else runs its kernel, and no module can be loaded there.
  const selector = { ...buildNodeLabels }
  await story.applyTiny(name, [], { mapping: { build }, spec: { selector } })
  await story.untilKernel(name, 'has its image', ({ digest }) => digest !== undefined, kernel)
  expect(story.pods.builds()).toMatchObject([{ pod: { spec: { nodeName: buildNodeName } } }])
  // It tolerates what the Module tolerates, simulated nodes among them.
  expect((await story.module(name))?.spec.tolerations).toContainEqual(expect.objectContaining(simulatedTaint))
})

test("images:IMG-10: a login that only the service account's pull secrets have", async ({ open }) => {
  const registry = await startRegistryInLab(lab, { name: 'account-registry', login: true })
  const story = await open('account')
  const { namespace } = story
  await story.addNode()
  await story.apply(registrySecret(namespace, 'pull', registry.host))
  await eventually(
    'the namespace has its service account',
    () => lab.kube.get(serviceAccounts, { namespace, name: 'default' }),
    (account) => account !== undefined,
  )
  const imagePullSecrets = [{ name: 'pull' }]
  await lab.kube.patch(serviceAccounts, { namespace, name: 'default' }, { imagePullSecrets })
  await story.applyTiny(name, [], { registry: registry.host })
  await story.untilLoaded(name)
  expect(story.pods.builds()).toHaveLength(1)
})

test('a build that cannot start says why and what helps, and starts when that is mended', async ({
  open,
}) => {
  const story = await open('waits')
  const { namespace } = story
  await story.addNode()
  const build = { ...tinyBuild(name), selector: { nowhere: 'at-all' }, secrets: [{ name: 'later' }] }
  await story.applyTiny(name, [], { mapping: { build }, spec: { imageRepoSecret: { name: 'push' } } })
  const says = async (reason: string, ...words: readonly string[]) => {
    const entry = await story.untilKernel(name, reason, (e) => e.reason === reason)
    for (const word of words) expect(entry.message).toContain(word)
    await story.untilCondition(name, { type: 'Ready', status: 'False', reason })
    await story.untilCondition(name, { type: 'Degraded', status: 'True', reason })
    await expectWhy(story, name, { line: reason.startsWith('Secret') ? 'secrets' : 'build', reason })
  }

  await says(
    'SecretMissing',
    `build.secrets: Secret ${namespace}/later`,
    `imageRepoSecret: Secret ${namespace}/push`,
  )
  expect(story.pods.builds()).toEqual([])
  await story.apply(secret(namespace, 'later', {}), secret(namespace, 'push', { password: 'x' }))
  await says('SecretKeyMissing', '.dockerconfigjson', 'kubectl create secret docker-registry')
  expect(story.pods.builds()).toEqual([])

  await story.remove(secrets, 'push')
  await story.apply(registrySecret(namespace, 'push', lab.state.registry))
  await says('Unschedulable', "node(s) didn't match Pod's node affinity/selector", 'build.selector')
  await changeMapping(story, {
    build: { ...build, selector: { ...buildNodeLabels }, kanikoParams: { tag: 'no-such-tag' } },
  })
  await says('ImagePullBackOff', 'no-such-tag', 'build.kanikoParams')
  await changeMapping(story, { build: { ...build, selector: { ...buildNodeLabels } } })
  await story.untilLoaded(name)
  expect((await story.kernelStatus(name))?.reason).toBeUndefined()
})

test('registries with TLS nobody knows: refused, until a flag lets each of them in', async ({ open }) => {
  const registry = await startRegistryInLab(lab, { name: 'tls-registry', tls: true })
  // One of its own for base images: what is allowed for the push is not allowed for them.
  const bases = await startRegistryInLab(lab, { name: 'tls-base-registry', tls: true })
  const base = `${bases.host}/base/busybox:1`
  await copyImage(lab.state.images?.pause ?? '', base)
  const story = await open('tls')
  const { namespace } = story
  await story.addNode()
  const skip = { insecureSkipTLSVerify: true }
  const mapping = {
    containerImage: `${registry.host}/${namespace}/${name}:1`,
    registryTLS: {},
    build: { dockerfileConfigMap: { name }, selector: { ...buildNodeLabels } },
  }
  const text = tinyDockerfile(base, ['true'])
  await apply(story, text, { mapping })
  const refused = await story.untilKernel(name, 'refused', (e) => e.reason === 'RegistryUnreachable')
  expect(refused.message).toContain('registryTLS.insecureSkipTLSVerify')
  expect(story.pods.builds()).toEqual([])

  await changeMapping(story, { registryTLS: skip })
  const failed = await story.untilKernel(name, 'no base image', (e) => e.phase === 'BuildFailed')
  expect(failed.reason).toBe('BaseImagePull')
  expect(failed.errorLines).toContain('x509')
  await changeMapping(story, { build: { ...mapping.build, baseImageRegistryTLS: skip } })
  await story.untilLoaded(name)
})

/** Copies an image between registries of the lab, whatever TLS they speak. */
async function copyImage(from: string, to: string): Promise<void> {
  const crane = await ensurePrograms(['crane']).path('crane')
  const { code, tail } = await run([crane, 'copy', '--insecure', from, to])
  expect(code, tail.join('\n')).toBe(0)
}
