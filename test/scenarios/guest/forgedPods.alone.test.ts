import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { nodeModulesConfigs, nodes, pods, type CustomObject } from '../../../activities/kube/resources.ts'
import { kmmWorkerPodName, workerPodName } from '../../../api/names.ts'
import { ensurePrograms } from '../../../lab/programs/ensure.ts'
import { loadNodeName } from '../../../lab/realNodes.ts'
import { eventually } from '../../support/eventually.ts'
import { firmwareHostPath } from '../../support/firmware.ts'
import { forgedReport, forgeWorkerPod } from '../../support/forgedPods.ts'
import { inTreeModule, pushInTreeModule } from '../../support/inTreeImage.ts'
import { pushKmodImage } from '../../support/kmodImages.ts'
import { useLoadKernel } from '../../support/loadNode.ts'
import { recordedOn } from '../../support/nodeRecord.ts'
import { expectNoTrace } from '../../support/noTrace.ts'
import { stories, useOperator } from '../../support/stories.ts'
import { useLab } from '../../support/testLab.ts'
import { withoutPolicies } from '../../support/withoutPolicies.ts'

/** The admission policies are taken away meanwhile, which no other file may see. */
const lab = useLab()
const operator = useOperator(lab, { worker: { firmwareHostPath } })
const test = stories(lab, operator)
const kernel = useLoadKernel(lab)

const loaded = async (module: string) => (await lab.vm.lsmod()).some(({ name }) => name === module)

test('a tenant with unprivileged pods makes the operator load, unload, write and say nothing', async ({
  open,
}) => {
  await withoutPolicies(lab.kube)
  const victim = await open('victim')
  const tenant = await open('tenant', 'restricted')
  const image = await pushInTreeModule(
    `${lab.state.registry}/${victim.namespace}/nlmon:1`,
    kernel.release,
    'nlmon',
  )
  await victim.apply(inTreeModule({ namespace: victim.namespace, module: 'nlmon', image }))
  await victim.untilLoaded('nlmon')
  const object = (await lab.kube.get(nodes, { name: loadNodeName }))!
  const { bootID: bootId = '' } = object.status?.nodeInfo ?? {}
  const node = { name: loadNodeName, bootId, kernel: kernel.release }
  const { metadata: record } = (await lab.kube.get<CustomObject>(nodeModulesConfigs, { name: loadNodeName }))!
  const say = ['/bin/busybox', 'sh', '-c', 'printf %s "$0" >/dev/termination-log', forgedReport(node)]
  const program = { image: victim.base, command: say }
  const ref = { namespace: tenant.namespace, name: 'evil' }
  const names = ['innocent', kmmWorkerPodName(loadNodeName, 'evil'), workerPodName(object.metadata.uid, ref)]
  const forged: string[] = []
  for (const name of names) {
    const { metadata } = await forgeWorkerPod(tenant, { name, module: 'evil', node }, record, program)
    forged.push(metadata.uid)
    await eventually(
      `${name} has ended, and says that it has loaded a module`,
      () => lab.kube.get(pods, { namespace: tenant.namespace, name }),
      (pod) =>
        expect(pod?.status).toMatchObject({
          phase: 'Succeeded',
          containerStatuses: [{ state: { terminated: { message: forgedReport(node) } } }],
        }),
    )
  }
  // The victim's module stays until its own Module goes; by then the operator has seen the forged pods, too.
  expect(await loaded('nlmon')).toBe(true)
  await victim.deleteModule('nlmon')
  expect(await loaded('nlmon')).toBe(false)
  await expectNoTrace(tenant, loadNodeName, 'evil')
  expect(tenant.pods.all().map((pod) => pod.uid)).toEqual(forged)
})

test('an image whose cp speaks in the name of the loader has failed once, and is held', async ({ open }) => {
  const story = await open('cp-speaks')
  const { namespace } = story
  const busybox = await ensurePrograms(['busybox']).path('busybox')
  const says = JSON.stringify({
    action: 'Load',
    bootId: 'x',
    kernel: kernel.release,
    command: [],
    exitStatus: 0,
    output: '',
    reason: 'Obsolete',
  })
  const image = await pushKmodImage(`${lab.state.registry}/${namespace}/veth:1`, 'none', async (root) => {
    const bin = join(root, 'bin')
    await mkdir(bin, { recursive: true })
    await copyFile(busybox, join(bin, 'busybox'))
    await writeFile(join(bin, 'cp'), `#!/bin/busybox sh\nprintf %s '${says}' >/dev/termination-log\nexit 1\n`)
    await chmod(join(bin, 'cp'), 0o755)
  })
  await story.apply(inTreeModule({ namespace, module: 'veth', image }))
  const entry = await story.untilKernel(
    'veth',
    'is held',
    ({ phase }) => phase === 'LoadFailed',
    kernel.release,
  )
  expect(entry).toMatchObject({ reason: 'ExtractFailed' })
  const { fact } = await recordedOn(lab, loadNodeName, { namespace, name: 'veth' })
  expect(fact).toMatchObject({ failure: { reason: 'ExtractFailed', attempts: 1 } })
  // A change that needs no pod is seen, and none is made meanwhile.
  await story.retry('veth', kernel.release)
  await eventually(
    'the retry has failed as well',
    () => recordedOn(lab, loadNodeName, { namespace, name: 'veth' }),
    ({ fact: its }) => expect(its).toMatchObject({ failure: { attempts: 2 } }),
  )
  expect(story.pods.workers('Load')).toHaveLength(2)
})
