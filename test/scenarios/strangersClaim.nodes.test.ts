import { expect } from 'vitest'
import { registryLogin } from '../../lab/registry.ts'
import { registrySecret } from '../support/privateRegistry.ts'
import { simulatePublicRegistry } from '../support/simulatedPublicRegistry.ts'
import { type OpenScenario, stories } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'
import { tinyBuild } from '../support/tinyModule.ts'

const lab = useLab()
const test = stories(lab)
const name = 'tiny'

/** Two namespaces whose Modules want one image, in a registry that both may read and only the owner may write to. */
async function begin(open: OpenScenario, onTestFinished: (end: () => void) => void) {
  const { address, registry } = lab.state
  const { host, close } = await simulatePublicRegistry(address, registry, registryLogin)
  onTestFinished(close)
  const [stranger, owner] = [await open('stranger'), await open('owner')]
  for (const story of [stranger, owner]) await story.addNode()
  await owner.apply(registrySecret(owner.namespace, 'login', host))
  const mapping = {
    containerImage: `${host}/${owner.namespace}/driver:\${KERNEL_FULL_VERSION}`,
    build: tinyBuild(name),
  }
  const ownersBuild = async () =>
    await owner.applyTiny(name, [['true']], { mapping, spec: { imageRepoSecret: { name: 'login' } } })
  return { stranger, owner, mapping, ownersBuild }
}

test('a pod of a stranger that never ends for an image of ours does not keep our build from it', async ({
  open,
  onTestFinished,
}) => {
  const { stranger, owner, mapping, ownersBuild } = await begin(open, onTestFinished)
  // No node takes it, so nothing in the pod finds out that it may not push.
  const build = { ...tinyBuild(name), selector: { nowhere: 'ever' } }
  await stranger.applyTiny(name, [['sleep', 'infinity']], { mapping: { ...mapping, build } })
  await stranger.untilKernel(name, 'has a pod that waits', ({ reason }) => reason === 'Unschedulable')

  await ownersBuild()
  await owner.untilLoaded(name)
  expect(owner.pods.builds()).toHaveLength(1)
  expect(await owner.kernelStatus(name)).toMatchObject({ mayPush: true, attempt: 1 })
  expect(stranger.pods.builds()).toMatchObject([{ gone: false, pod: { status: { phase: 'Pending' } } }])
  expect(await stranger.kernelStatus(name)).not.toHaveProperty('mayPush')
})

test('a build of a stranger that only sleeps does not even begin', async ({ open, onTestFinished }) => {
  const { stranger, owner, mapping, ownersBuild } = await begin(open, onTestFinished)
  await stranger.applyTiny(name, [['sleep', 'infinity']], { mapping })
  await stranger.untilHeld(name, 'PushRefused')
  await ownersBuild()
  await owner.untilLoaded(name)
})
