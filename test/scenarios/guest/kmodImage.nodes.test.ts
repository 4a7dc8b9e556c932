import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { apiVersion } from '../../../api/names.ts'
import { buildNodeName, loadNodeLabels } from '../../../lab/realNodes.ts'
import { nodes, type Pod } from '../../../activities/kube/resources.ts'
import { eventually } from '../../support/eventually.ts'
import { stories } from '../../support/stories.ts'
import type { Scenario } from '../../support/scenario.ts'
import { useLoadKernel } from '../../support/loadNode.ts'
import { expectSignatures, makeSigningKey, signingSecret } from '../../support/signedModules.ts'
import { deployFolder, useLab } from '../../support/testLab.ts'
import { dockerfile, tinyBuild } from '../../support/tinyModule.ts'

/** The Dockerfiles of the user guide, built with kaniko and loaded into the guest's kernel. */
const lab = useLab()
const test = stories(lab)
const kernel = useLoadKernel(lab)

const example = (name: string) => readFileSync(join(deployFolder, 'examples/kmod-image', name), 'utf8')
const loadedInGuest = async () => (await lab.vm.lsmod()).map((module) => module.name)

/** A Module of the load node whose image is built from this Dockerfile. */
async function apply(
  story: Scenario,
  name: string,
  moduleName: string,
  text: string,
  sign?: object,
): Promise<void> {
  const { namespace } = story
  const { registry, images } = lab.state
  const args = { BUILD_BASE: images?.buildBase ?? '', BASE: images?.nodeBase ?? '' }
  const mapping = {
    regexp: '^.+$',
    containerImage: `${registry}/${namespace}/${name}:\${KERNEL_FULL_VERSION}`,
    registryTLS: { insecure: true },
    build: {
      ...tinyBuild(name),
      buildArgs: Object.entries(args).map(([arg, value]) => ({ name: arg, value })),
    },
    ...(sign && { sign }),
  }
  const container = { modprobe: { moduleName }, kernelMappings: [mapping] }
  await story.apply(dockerfile(namespace, name, text), {
    apiVersion,
    kind: 'Module',
    metadata: { namespace, name },
    spec: { selector: { ...loadNodeLabels }, moduleLoader: { container } },
  })
}

/** Path of each mount of the node's modules in a pod's only container, and whether it may be written to. */
function nodeModuleMounts({ spec }: Pod): Record<string, boolean> {
  const volumes = (spec?.volumes ?? []).filter((volume) => volume.hostPath?.path === '/lib/modules')
  const names = volumes.map((volume) => volume.name)
  const mounts = spec?.containers.flatMap((container) => container.volumeMounts ?? []) ?? []
  return Object.fromEntries(
    mounts
      .filter((mount) => names.includes(mount.name))
      .map((mount) => [mount.mountPath, mount.readOnly !== true]),
  )
}

test('the Dockerfiles of the guide: two modules, signed, and a module that needs an in-tree one', async ({
  open,
}) => {
  const story = await open('guide')
  const before = await loadedInGuest()
  for (const name of ['acme_driver', 'acme_core', 'acme_crc', 'crc7']) expect(before).not.toContain(name)

  const key = await makeSigningKey()
  await story.apply(signingSecret(story.namespace, 'signing', key))
  const sign = {
    keySecret: { name: 'signing' },
    certSecret: { name: 'signing' },
    filesToSign: ['/opt/lib/modules/${KERNEL_RAW_VERSION}/*.ko'],
  }
  await Promise.all([
    apply(story, 'two', 'acme_driver', example('two-modules.Dockerfile'), sign),
    apply(story, 'in-tree', 'acme_crc', example('in-tree.Dockerfile')),
  ])
  await Promise.all([story.untilLoaded('two'), story.untilLoaded('in-tree')])

  const loaded = new Map((await lab.vm.lsmod()).map((module) => [module.name, module]))
  // depmod alone tells that acme_driver needs acme_core: the Module names only the first.
  expect(loaded.get('acme_core')?.usedBy).toEqual(['acme_driver'])
  // modprobe followed the link `host` and loaded the node's own module.
  expect(loaded.get('crc7')?.usedBy).toEqual(['acme_crc'])

  // A real kernel has read the signatures: one that is malformed would have kept the module out.
  const signed = (await story.kernelStatus('two', kernel.release))?.image ?? ''
  const files = ['acme_driver', 'acme_core'].map((file) => `/opt/lib/modules/${kernel.release}/${file}.ko`)
  await expectSignatures(
    signed,
    files.map((path) => ({ path, certificate: key.certificate })),
  )

  // The mounts are those of the page, for builds and for worker pods, and nobody may write to them.
  for (const { pod } of story.pods.builds()) {
    expect(nodeModuleMounts(pod)).toEqual({ '/host/lib/modules': false })
  }
  const workers = story.pods.workers()
  expect(workers).toHaveLength(2)
  for (const { pod } of workers) {
    expect(nodeModuleMounts(pod)).toEqual({ '/lib/modules': false, '/host/lib/modules': false })
  }

  // Where it was built is written down, and the target node has the same distribution and release.
  const builder = (await lab.kube.get(nodes, { name: buildNodeName }))?.status?.nodeInfo
  for (const name of ['two', 'in-tree']) {
    expect((await story.kernelStatus(name, kernel.release))?.builtOn).toEqual({
      node: buildNodeName,
      kernel: builder?.kernelVersion,
      osImage: builder?.osImage,
      architecture: builder?.architecture,
    })
    await story.untilCondition(name, { type: 'BuildNodeDiffers', status: 'False' })
  }

  await Promise.all([story.deleteModule('two'), story.deleteModule('in-tree')])
  const after = await loadedInGuest()
  for (const name of ['acme_driver', 'acme_core', 'acme_crc']) expect(after).not.toContain(name)
  await eventually(
    'no build pod is left',
    () => story.pods.builds(),
    (all) => all.every((pod) => pod.gone),
  )
})
