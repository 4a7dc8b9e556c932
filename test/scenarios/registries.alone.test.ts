import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect } from 'vitest'
import { nodes } from '../../activities/kube/resources.ts'
import { labels } from '../../api/names.ts'
import { buildNodeLabels, buildNodeName } from '../../lab/realNodes.ts'
import { eventually } from '../support/eventually.ts'
import { pushKmodImage } from '../support/kmodImages.ts'
import { makeSigningKey, signingSecret } from '../support/signedModules.ts'
import { stories, useOperator } from '../support/stories.ts'
import { startRegistryInLab, type PrivateRegistry } from '../support/privateRegistry.ts'
import { hostArchitecture, pushTestImage } from '../support/pushTestImage.ts'
import { temporalCli } from '../support/runs.ts'
import { kernel, type Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { dockerfile, tinyBuild, tinyDockerfile, tinyModule, type TinyModule } from '../support/tinyModule.ts'
import { expectWhy } from '../support/why.ts'

const lab = useLab()
const registries: Record<'https' | 'nodesOnly' | 'closed', PrivateRegistry> = {} as never
const settings = { registry: { nodePullCheck: true, caFile: '' }, build: { nodeSelector: buildNodeLabels } }
beforeAll(async () => {
  registries.https = await startRegistryInLab(lab, { name: 'https', tls: true })
  registries.nodesOnly = await startRegistryInLab(lab, { name: 'nodes-only', login: true, nodeLogin: true })
  registries.closed = await startRegistryInLab(lab, { name: 'closed', login: true })
  settings.registry.caFile = registries.https.authorityFile ?? ''
})
const operator = useOperator(lab, settings)
const test = stories(lab, operator)
const name = 'tiny'

/** A Module that nobody builds. */
function ready(story: Scenario, registry: string, change: Partial<TinyModule> = {}) {
  const { namespace } = story
  const mapping = { build: undefined, ...change.mapping }
  return tinyModule({ namespace, name, registry, ...change, mapping })
}

test('HTTPS with an authority of the configuration: the image is found, nothing is built', async ({
  open,
}) => {
  const story = await open('authority')
  const repository = `${story.namespace}/${name}`
  const digest = await pushTestImage(registries.https, { repository, tag: kernel })
  await story.addNode()
  await story.apply(ready(story, registries.https.host, { mapping: { registryTLS: {} } }))
  await story.untilLoaded(name)
  expect(await story.kernelStatus(name)).toMatchObject({ digest, architectures: [hostArchitecture] })
  expect(story.pods.builds()).toEqual([])
})

test('HTTPS with an authority of the configuration: a build pushes there, and no flag lifts verification', async ({
  open,
}) => {
  const story = await open('pushes')
  await story.addNode()
  const mapping = { containerImage: `${registries.https.host}/${story.namespace}/${name}:1`, registryTLS: {} }
  await story.applyTiny(name, [], { mapping: { ...mapping, build: tinyBuild(name) } })
  await story.untilLoaded(name)
  expect(story.pods.builds()[0]?.pod.spec?.containers[0]?.args).not.toContain('--skip-tls-verify-registry')
})

test('an image that nobody builds and that is missing: said, and looked for at once when something changes', async ({
  open,
}) => {
  const story = await open('missing')
  const repository = `${story.namespace}/${name}`
  await story.addNode()
  await story.apply(ready(story, lab.state.registry))
  await story.untilCondition(name, { type: 'Degraded', status: 'True', reason: 'ImageMissing' })
  await expectWhy(story, name, { line: 'registry', reason: 'ImageMissing' })

  await pushTestImage(
    { url: `http://${lab.state.registry}` },
    { repository, tag: kernel, architectures: ['s390x'] },
  )
  await story.addNode()
  const wrong = await story.untilKernel(name, 'made for others', (k) => k.reason === 'ArchitectureMissing')
  expect(wrong).toMatchObject({ phase: 'WaitingForImage', nodes: { loaded: 0 } })
  await expectWhy(story, name, { line: 'architecture', reason: 'ArchitectureMissing' })
  expect(wrong.message).toContain(`is made for s390x, and the target nodes are ${hostArchitecture}`)

  const architectures = ['s390x', hostArchitecture]
  const url = `http://${lab.state.registry}`
  const digest = await pushTestImage({ url }, { repository, tag: kernel, architectures })
  const { workflowId = '' } = wrong
  await temporalCli(lab, 'workflow', 'signal', '--workflow-id', workflowId, '--name', 'retryBuild')
  await story.untilLoaded(name)
  expect(await story.kernelStatus(name)).toMatchObject({ digest, architectures: architectures.toSorted() })
  expect(story.pods.builds()).toEqual([])
})

test('where a registry lets nodes in but not the operator, a node says whether the image is there', async ({
  open,
}) => {
  const story = await open('pull')
  const node = await lab.kube.get(nodes, { name: buildNodeName })
  const release = node?.status?.nodeInfo?.kernelVersion ?? ''
  const spec = { selector: { ...buildNodeLabels } }
  await story.apply(ready(story, registries.nodesOnly.host, { spec }))
  const { workflowId = '' } = await story.untilKernel(
    name,
    'said to be missing',
    ({ reason }) => reason === 'ImageMissing',
    release,
  )

  const repository = `${story.namespace}/${name}`
  const tag = release.replace(/[^\w.-]/g, '_')
  const digest = await pushTestImage(registries.nodesOnly, { repository, tag })
  await temporalCli(lab, 'workflow', 'signal', '--workflow-id', workflowId, '--name', 'retryBuild')
  await story.untilKernel(name, 'found', (entry) => entry.digest === digest, release)

  const pulls = () => story.pods.all().filter(({ pod }) => pod.metadata.labels?.[labels.imageOwner] === name)
  await eventually('no pull check is left', pulls, (all) => all.length > 0 && all.every(({ gone }) => gone))
  // Nothing of the image has run.
  for (const { pod } of pulls())
    expect(pod.status?.containerStatuses?.[0]?.state ?? {}).not.toHaveProperty('running')
})

test('where a node is refused as well, it is said and nothing is built', async ({ open }) => {
  const story = await open('closed')
  const node = await lab.kube.get(nodes, { name: buildNodeName })
  const release = node?.status?.nodeInfo?.kernelVersion ?? ''
  const { namespace, base } = story
  const spec = { selector: { ...buildNodeLabels } }
  await story.apply(
    dockerfile(namespace, name, tinyDockerfile(base)),
    tinyModule({
      namespace,
      name,
      registry: registries.closed.host,
      mapping: { build: tinyBuild(name) },
      spec,
    }),
  )
  const refused = await story.untilKernel(
    name,
    'refused',
    ({ reason, message }) => reason === 'RegistryUnauthorized' && message?.includes('either'),
    release,
  )
  expect(refused.message).toContain(`node ${buildNodeName} cannot pull it either`)
  expect(refused.message).toContain('spec.imageRepoSecret')
  expect(story.pods.builds()).toEqual([])
})

test('images:SGN-7 an image that is built elsewhere is waited for, then signed', async ({ open }) => {
  const story = await open('vendor')
  const { namespace } = story
  const { registry } = lab.state
  const key = await makeSigningKey()
  await story.apply(signingSecret(namespace, 'signing', key))
  await story.addNode()
  const unsignedImage = `${registry}/${namespace}/vendor:1`
  const path = '/opt/lib/modules/vendor.ko'
  const sign = {
    keySecret: { name: 'signing' },
    certSecret: { name: 'signing' },
    filesToSign: [path],
    unsignedImage,
    unsignedImageRegistryTLS: { insecure: true },
  }
  const image = `${registries.https.host}/${namespace}/${name}:1`
  await story.apply(ready(story, registry, { mapping: { containerImage: image, registryTLS: {}, sign } }))
  const waits = await story.untilKernel(name, 'waits', ({ reason }) => reason === 'ImageMissing')
  expect(waits).toMatchObject({ phase: 'WaitingForImage', message: expect.stringContaining(unsignedImage) })
  await expectWhy(story, name, { line: 'registry', reason: 'ImageMissing' })

  const pushed = await pushKmodImage(unsignedImage, 'busybox', async (root) => {
    await mkdir(join(root, '/opt/lib/modules'), { recursive: true })
    await writeFile(join(root, path), 'a module')
  })
  await story.retry(name, 'all')
  await story.untilLoaded(name)
  const entry = await story.kernelStatus(name)
  expect(entry).toMatchObject({
    image,
    unsigned: { image: unsignedImage, digest: pushed.split('@')[1] },
    signHash: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
  expect(story.pods.builds()).toEqual([])
})
