import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { nodes } from '../../../activities/kube/resources.ts'
import { readyLabel } from '../../../api/names.ts'
import { loadNodeName } from '../../../lab/realNodes.ts'
import { eventually } from '../../support/eventually.ts'
import { inTreeModule, pushInTreeModule } from '../../support/inTreeImage.ts'
import { recordedOn } from '../../support/nodeRecord.ts'
import { startPrivateRegistry } from '../../support/privateRegistry.ts'
import { stories, useOperator } from '../../support/stories.ts'
import { useLoadKernel } from '../../support/loadNode.ts'
import { useLab } from '../../support/testLab.ts'
import { expectWhy } from '../../support/why.ts'

/**
 * Each story has a module of its own in the guest's kernel. They load and unload so often that beside other files the
 * guest would be what the whole tier waits for.
 */
const lab = useLab()
const operator = useOperator(lab)
const test = stories(lab, operator)
const kernel = useLoadKernel(lab)

const loaded = async (module: string) => (await lab.vm.lsmod()).some(({ name }) => name === module)
const disks = async () => Number((await lab.vm.console.run('cat /sys/module/brd/parameters/rd_nr')).output)

test.concurrent('users.md 1: a module in use waits visibly, and a wish to keep it ends the unload; another image is rolled out', async ({
  open,
  onTestFinished,
}) => {
  const story = await open('in-use')
  const { namespace } = story
  const repository = `${lab.state.registry}/${namespace}/brd`
  const first = await pushInTreeModule(`${repository}:1`, kernel.release, 'brd')
  const ramDisks = (count: number, image = first) =>
    inTreeModule({ namespace, module: 'brd', image, parameters: [`rd_nr=${count}`] })
  const label = async () => {
    const node = await lab.kube.get(nodes, { name: loadNodeName })
    return node?.metadata.labels?.[readyLabel({ namespace, name: 'brd' })]
  }
  await story.apply(ramDisks(1))
  await story.untilLoaded('brd')
  expect(await disks()).toBe(1)
  // Somebody in the guest uses it.
  await lab.vm.console.run('nohup sleep 3600 </dev/ram0 >/dev/null 2>&1 & echo $! >/run/kmm/holder')
  const release = async () =>
    void (await lab.vm.console.run('kill "$(cat /run/kmm/holder)" 2>/dev/null; true'))
  onTestFinished(release)

  // Same kernel, other parameters: the old one is to be unloaded first.
  await story.apply(ramDisks(2))
  const waits = await story.untilKernel(
    'brd',
    'says that it is in use, and when it is tried again',
    ({ reason, message }) =>
      reason === 'InUse' && /^Node load-1: .*reference count 1.*tried again at 20/.test(message ?? ''),
    kernel.release,
  )
  expect(waits).toMatchObject({ phase: 'Unloading', nodes: { loaded: 0, failed: 0, waiting: 1 } })
  await story.untilKernel(
    'brd',
    'tries again',
    ({ message }) => /failed [2-9] times/.test(message ?? ''),
    kernel.release,
  )
  await expectWhy(story, 'brd', { line: 'in use by', reason: 'InUse', goesOn: true })
  expect(await label()).toBeUndefined()
  expect(await disks()).toBe(1)

  // The old parameters are wanted again.
  await story.apply(ramDisks(1))
  await story.untilLoaded('brd')
  const unloads = story.pods.workers('Unload').length
  await release()
  expect(await disks()).toBe(1)
  expect(story.pods.workers('Unload')).toHaveLength(unloads)

  await story.apply(ramDisks(2))
  await eventually('nobody uses it any more: it is reloaded', disks, (count) => count === 2)
  await story.untilLoaded('brd')

  // Same kernel, same parameters, another tag.
  const pushed = await pushInTreeModule(`${repository}:2`, kernel.release, 'brd', (root) =>
    writeFile(join(root, 'second'), ''),
  )
  const [, digest = ''] = pushed.split('@')
  const loads = story.pods.workers('Load').length
  await story.apply(ramDisks(2, `${repository}:2`))
  await eventually(
    'it is loaded from the other image',
    () => recordedOn(lab, loadNodeName, { namespace, name: 'brd' }),
    ({ fact }) => expect(fact).toMatchObject({ config: { containerImage: `${repository}:2@${digest}` } }),
  )
  await story.untilLoaded('brd')
  expect(story.pods.workers('Load')).toHaveLength(loads + 1)
  expect(await disks()).toBe(2)
  await story.deleteModule('brd')
  expect(await loaded('brd')).toBe(false)
})

test.concurrent('a pod whose image cannot be pulled says so in the words of its node, and goes for another image', async ({
  open,
}) => {
  const story = await open('no-pull')
  const { namespace } = story
  // The operator reaches this one; the node takes it for one with TLS.
  const { host } = await startPrivateRegistry(lab.folder, lab.state.address, { name: 'unknown' })
  const image = await pushInTreeModule(`${host}/veth:1`, kernel.release, 'veth')
  await story.apply(inTreeModule({ namespace, module: 'veth', image }))
  const entry = await story.untilKernel(
    'veth',
    'says that it cannot be pulled',
    ({ reason }) => reason === 'ImagePullBackOff',
    kernel.release,
  )
  expect(entry).toMatchObject({
    phase: 'Loading',
    message: expect.stringMatching(/^Node load-1: pod kmm-worker-veth-/),
  })
  expect(entry.message).toContain('server gave HTTP response to HTTPS client')
  await expectWhy(story, 'veth', { line: 'worker pod', reason: 'ImagePullBackOff' })
  const [stuck] = story.pods.workers('Load')

  const good = await pushInTreeModule(`${lab.state.registry}/${namespace}/veth:1`, kernel.release, 'veth')
  await story.apply(inTreeModule({ namespace, module: 'veth', image: good }))
  await story.untilLoaded('veth')
  expect(story.pods.workers('Load').find(({ uid }) => uid === stuck?.uid)).toMatchObject({ gone: true })
  expect((await story.kernelStatus('veth', kernel.release))?.reason).toBeUndefined()
})
