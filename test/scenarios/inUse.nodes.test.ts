import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { WriteBody } from '../../activities/kube/kube.ts'
import { nodes, pods } from '../../activities/kube/resources.ts'
import { apiVersion, labels, readyLabel } from '../../api/names.ts'
import { loadNodeLabels, loadNodeName } from '../../lab/realNodes.ts'
import { eventually } from '../support/eventually.ts'
import { pushInTreeModule } from '../support/inTreeImage.ts'
import { useOperator } from '../support/operator.ts'
import { startPrivateRegistry } from '../support/privateRegistry.ts'
import { openScenario, type Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'

const lab = useLab()
const operator = useOperator(lab)
const name = 'brd'
let kernel: string
beforeAll(async () => {
  const node = await lab.kube.get(nodes, { name: loadNodeName })
  kernel = node?.status?.nodeInfo?.kernelVersion ?? ''
})

/** RAM disks in the guest, by the image's own modules; `disks` is a parameter of the module. */
function ramDisks(story: Scenario, count: number, image: string): WriteBody {
  return {
    apiVersion,
    kind: 'Module',
    metadata: { namespace: story.namespace, name },
    spec: {
      selector: loadNodeLabels,
      moduleLoader: {
        container: {
          modprobe: { moduleName: 'brd', parameters: [`rd_nr=${count}`] },
          kernelMappings: [{ regexp: '^.+$', containerImage: image, registryTLS: { insecure: true } }],
        },
      },
    },
  }
}

const loaded = async () => (await lab.vm.lsmod()).some((module) => module.name === 'brd')
const disks = async () => Number((await lab.vm.console.run('cat /sys/module/brd/parameters/rd_nr')).output)
const labelOf = async (story: Scenario) => {
  const node = await lab.kube.get(nodes, { name: loadNodeName })
  return node?.metadata.labels?.[readyLabel({ namespace: story.namespace, name })]
}
const workerPods = (story: Scenario, action: string) =>
  story.pods.all().filter(({ pod }) => pod.metadata.labels?.[labels.workerAction] === action)
const cordon = async (unschedulable: boolean) =>
  await lab.kube.patch(nodes, { name: loadNodeName }, { spec: { unschedulable } })

/** Somebody in the guest uses the module until `release`. */
async function hold(): Promise<{ release: () => Promise<void> }> {
  await lab.vm.console.run('nohup sleep 3600 </dev/ram0 >/dev/null 2>&1 & echo $! >/run/kmm/holder')
  const release = async () =>
    void (await lab.vm.console.run('kill "$(cat /run/kmm/holder)" 2>/dev/null; true'))
  onTestFinished(release)
  return { release }
}

test('users.md 1: a module in use waits visibly, and a cordon or a wish to keep it ends the unload', async () => {
  const story = await openScenario(lab, operator, 'in-use')
  onTestFinished(async () => void (await cordon(false)))
  const image = await pushInTreeModule(`${lab.state.registry}/${story.namespace}/brd:1`, kernel, 'brd')
  await story.apply(ramDisks(story, 1, image))
  await story.untilLoaded(name)
  expect(await disks()).toBe(1)
  const { release } = await hold()

  // Same kernel, other parameters: the old one is to be unloaded first.
  await story.apply(ramDisks(story, 2, image))
  const waits = await story.untilKernel(
    name,
    'says who is in use, and when it is tried again',
    ({ reason, message }) =>
      reason === 'InUse' && /^Node load-1: .*reference count 1.*tried again at 20/.test(message ?? ''),
    kernel,
  )
  expect(waits).toMatchObject({ phase: 'Unloading', nodes: { loaded: 0, failed: 0, waiting: 1 } })
  await story.untilKernel(
    name,
    'tries again',
    ({ message }) => /failed [2-9] times/.test(message ?? ''),
    kernel,
  )
  expect(await labelOf(story)).toBeUndefined()
  expect(await disks()).toBe(1)

  await cordon(true)
  await eventually(
    'the cordon takes the unload back',
    () => labelOf(story),
    (label) => label === '',
  )
  await cordon(false)
  await story.untilKernel(name, 'waits again', ({ reason }) => reason === 'InUse', kernel)

  // The old parameters are wanted again.
  await story.apply(ramDisks(story, 1, image))
  await story.untilLoaded(name)
  const unloads = workerPods(story, 'Unload').length
  await release()
  expect(await disks()).toBe(1)
  expect(workerPods(story, 'Unload')).toHaveLength(unloads)

  await story.apply(ramDisks(story, 2, image))
  await eventually('nobody uses it any more: it is reloaded', disks, (count) => count === 2)
  await story.untilLoaded(name)
  await story.deleteModule(name)
  expect(await loaded()).toBe(false)
})

test('a pod whose image cannot be pulled says so in the words of its node, and goes for another image', async () => {
  const story = await openScenario(lab, operator, 'no-pull')
  // The operator reaches this one; the node takes it for one with TLS.
  const { host } = await startPrivateRegistry(lab.folder, lab.state.address, { name: 'unknown' })
  const image = await pushInTreeModule(`${host}/brd:1`, kernel, 'brd')
  await story.apply(ramDisks(story, 1, image))
  const entry = await story.untilKernel(
    name,
    'says that it cannot be pulled',
    ({ reason }) => reason === 'ImagePullBackOff',
    kernel,
  )
  expect(entry).toMatchObject({
    phase: 'Loading',
    message: expect.stringMatching(/^Node load-1: pod kmm-worker-brd-/),
  })
  expect(entry.message).toContain('server gave HTTP response to HTTPS client')
  const [stuck] = workerPods(story, 'Load')

  const good = await pushInTreeModule(`${lab.state.registry}/${story.namespace}/brd:1`, kernel, 'brd')
  await story.apply(ramDisks(story, 1, good))
  await story.untilLoaded(name)
  expect(workerPods(story, 'Load').find(({ uid }) => uid === stuck?.uid)).toMatchObject({ gone: true })
  expect((await story.kernelStatus(name, kernel))?.reason).toBeUndefined()
})

test('users.md 7: worker pods that somebody deletes are made again', async () => {
  const story = await openScenario(lab, operator, 'deleted')
  const image = await pushInTreeModule(`${lab.state.registry}/${story.namespace}/brd:1`, kernel, 'brd')
  await story.apply(ramDisks(story, 1, image))
  await eventually(
    'there is a worker pod',
    () => workerPods(story, 'Load').at(-1),
    (pod) => pod !== undefined,
  )
  await story.remove(pods, workerPods(story, 'Load').at(-1)?.name ?? '')
  await story.untilLoaded(name)
  expect(await loaded()).toBe(true)
  expect((await story.kernelStatus(name, kernel))?.nodes).toMatchObject({ loaded: 1, failed: 0 })
})

test('nodes:STM-7, a worker pod for which the node has no room says so, and is made again', async () => {
  const story = await openScenario(lab, operator, 'no-room')
  const image = await pushInTreeModule(`${lab.state.registry}/${story.namespace}/brd:1`, kernel, 'brd')
  const node = await lab.kube.get(nodes, { name: loadNodeName })
  const cpu = Number(node?.status?.allocatable?.['cpu'] ?? 0)
  const filler = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: story.namespace, name: 'filler' },
    spec: {
      nodeName: loadNodeName,
      priorityClassName: 'system-node-critical',
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'pause',
          image: lab.state.images?.pause,
          resources: { requests: { cpu: `${cpu * 1000 - 5}m` } },
        },
      ],
    },
  }
  await lab.kube.create(pods, filler)
  await eventually(
    'the node is full',
    () => lab.kube.get(pods, filler.metadata),
    (pod) => pod?.status?.phase === 'Running',
  )
  await story.apply(ramDisks(story, 1, image))
  await story.untilKernel(
    name,
    'says that there is no room, and when it is tried again',
    ({ reason, message }) => reason === 'OutOfcpu' && /^Node load-1: .*tried again at 20/.test(message ?? ''),
    kernel,
  )
  await story.remove(pods, 'filler')
  await story.untilLoaded(name)
})
