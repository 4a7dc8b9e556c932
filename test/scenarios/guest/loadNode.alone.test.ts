import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { nodes, pods } from '../../../activities/kube/resources.ts'
import { loadNodeName } from '../../../lab/realNodes.ts'
import { eventually } from '../../support/eventually.ts'
import { recordedOn } from '../../support/nodeRecord.ts'
import { firmwareHostPath } from '../../support/firmware.ts'
import { inTreeModule, pushInTreeModule } from '../../support/inTreeImage.ts'
import { stories, useOperator } from '../../support/stories.ts'
import { useLoadKernel } from '../../support/loadNode.ts'
import { useLab } from '../../support/testLab.ts'

/** What would disturb others that load modules on the only load node. */
const lab = useLab()
const operator = useOperator(lab, { worker: { firmwareHostPath } })
const test = stories(lab, operator)
const kernel = useLoadKernel(lab)

test('nodes:STM-7: a worker pod that the node does not admit says so, and is made again', async ({
  open,
}) => {
  const story = await open('no-room')
  const { namespace } = story
  const image = await pushInTreeModule(`${lab.state.registry}/${namespace}/veth:1`, kernel.release, 'veth')
  const node = await lab.kube.get(nodes, { name: loadNodeName })
  const cpu = Number(node?.status?.allocatable?.['cpu'] ?? 0)
  const filler = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: 'filler' },
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
  await story.apply(inTreeModule({ namespace, module: 'veth', image }))
  await story.untilKernel(
    'veth',
    'says what the node has no room for, and when it is tried again',
    ({ reason, message }) =>
      // Worker pods go before others; this one finds none to end.
      reason === 'UnexpectedAdmissionError' &&
      /^Node load-1: .*res: cpu.*tried again at 20/.test(message ?? ''),
    kernel.release,
  )
  await story.remove(pods, 'filler')
  await story.untilLoaded('veth')
})

test('firmware goes from where it was put, by an operator with another directory', async ({ open }) => {
  const story = await open('firmware')
  const { namespace } = story
  const guest = async (command: string) => (await lab.vm.console.run(command)).output.trim()
  const image = await pushInTreeModule(
    `${lab.state.registry}/${namespace}/veth:1`,
    kernel.release,
    'veth',
    async (root) => {
      await mkdir(join(root, 'firmware/acme'), { recursive: true })
      await writeFile(join(root, 'firmware/acme/fw.bin'), 'of the image')
    },
  )
  await story.apply(inTreeModule({ namespace, module: 'veth', image, firmwarePath: '/firmware' }))
  await story.untilLoaded('veth')
  expect(await guest(`cat ${firmwareHostPath}/acme/fw.bin`)).toBe('of the image')
  const { fact } = await recordedOn(lab, loadNodeName, { namespace, name: 'veth' })
  expect(fact).toMatchObject({ firmwareHostPath })

  await operator.restartWith({})
  await story.deleteModule('veth')
  expect(await guest(`find ${firmwareHostPath} -name fw.bin`)).toBe('')
})
