import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { WriteBody } from '../../../activities/kube/kube.ts'
import { modules, nodes } from '../../../activities/kube/resources.ts'
import { apiVersion, readyLabel } from '../../../api/names.ts'
import { loadNodeLabels, loadNodeName } from '../../../lab/realNodes.ts'
import { firmwareHostPath } from '../../support/firmware.ts'
import { eventually } from '../../support/eventually.ts'
import { recordedOn } from '../../support/nodeRecord.ts'
import { pushInTreeModule, unsign, type InTree } from '../../support/inTreeImage.ts'
import { watchNode, type NodeHistory } from '../../support/nodeHistory.ts'
import { useInstalledOperator } from '../../support/stories.ts'
import { watchPods } from '../../support/podHistory.ts'
import { emptyRepository } from '../../support/registry.ts'
import { Scenario } from '../../support/scenario.ts'
import { useLab } from '../../support/testLab.ts'
import { dockerfile, tinyBuild } from '../../support/tinyModule.ts'
import { expectWhy } from '../../support/why.ts'

const lab = useLab()
const operator = useInstalledOperator(lab, { worker: { firmwareHostPath } })

const bootId = async () => (await lab.vm.console.run('cat /proc/sys/kernel/random/boot_id')).output.trim()
const release = async () => (await lab.vm.console.run('uname -r')).output.trim()
const loaded = async () => (await lab.vm.lsmod()).map((module) => module.name)

const namespace = 'reboots'

/** Each test goes on where the one before it ended: a boot takes a minute under emulation. */
describe('a node that is started anew', () => {
  let story: Scenario
  let first: string
  let second: string
  let history: NodeHistory
  beforeAll(async () => {
    first = await release()
    second = lab.vm.kernels.find((kernel) => kernel !== first) ?? ''
    story = new Scenario(lab, namespace, await watchPods(lab.kube, namespace))
    const enforce = { 'pod-security.kubernetes.io/enforce': 'privileged' }
    await story.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: enforce } })
    await Promise.all([
      pushInTreeModule(imageOf('brd', first), first, 'brd'),
      pushInTreeModule(imageOf('brd', second), second, 'brd'),
      pushInTreeModule(imageOf('dummy', first), first, 'dummy', async (root) => {
        await mkdir(join(root, 'firmware'))
        await writeFile(join(root, 'firmware/dummy.bin'), 'of the image')
      }),
      pushInTreeModule(imageOf('macvlan', first), first, 'macvlan'),
      pushInTreeModule(unsigned(), first, 'macvlan', unsign),
      pushInTreeModule(imageOf('nlmon', first), first, 'nlmon'),
    ])
    history = await watchNode(lab.kube, loadNodeName, refOf('brd'))
  })
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return
    console.error(await operator.log())
    console.error(history.states.join('\n'))
    await story.show()
  })
  afterAll(async () => {
    await history?.stop()
    await story?.close()
  })

  const unsigned = () => `${lab.state.registry}/reboots/macvlan:unsigned`
  const imageOf = (name: InTree, kernel: string) => `${lab.state.registry}/reboots/${name}:${kernel}`
  const vethBase = () => `${lab.state.registry}/reboots-base/veth:${first}`
  const refOf = (name: InTree) => ({ namespace, name })
  const moduleOf = (name: InTree, mapping: object, modprobe: object = {}): WriteBody => ({
    apiVersion,
    kind: 'Module',
    metadata: refOf(name),
    spec: {
      selector: loadNodeLabels,
      moduleLoader: {
        container: {
          modprobe: { moduleName: name, ...modprobe },
          kernelMappings: [
            {
              containerImage: `${lab.state.registry}/reboots/${name}:\${KERNEL_FULL_VERSION}`,
              registryTLS: { insecure: true },
              ...mapping,
            },
          ],
        },
      },
    },
  })
  const entriesOf = (name: InTree) => recordedOn(lab, loadNodeName, refOf(name))
  const labelOf = async (name: InTree) =>
    (await lab.kube.get(nodes, { name: loadNodeName }))?.metadata.labels?.[readyLabel(refOf(name))]

  const firmware = async () =>
    (await lab.vm.console.run(`cat ${firmwareHostPath}/dummy.bin 2>/dev/null; true`)).output.trim()
  /** Neither the registry nor the node has it any more. */
  const loseImage = async (name: InTree) => {
    await emptyRepository(lab.state.registry, `reboots/${name}`)
    await lab.vm.console.run(
      `ctr -n k8s.io images ls -q | grep reboots/${name} | xargs -r ctr -n k8s.io images rm --sync`,
      60_000,
    )
  }

  test('before: five Modules are loaded in the first kernel, one after a failed build and a retry', async () => {
    await story.apply(
      moduleOf('brd', { regexp: '^.+$' }),
      moduleOf('dummy', { literal: first }, { firmwarePath: '/firmware' }),
      moduleOf('nlmon', { regexp: '^.+$' }),
      moduleOf('macvlan', { literal: first }),
      // One that is built, of an image that holds its module already and is not there yet.
      dockerfile(namespace, 'veth', `FROM ${vethBase()}\n`),
      moduleOf('veth', { literal: first, build: tinyBuild('veth') }),
    )
    await story.untilKernel('veth', 'is held', ({ phase }) => phase === 'BuildFailed', first)
    await pushInTreeModule(vethBase(), first, 'veth')
    await story.retry('veth', 'all')
    for (const name of ['brd', 'dummy', 'nlmon', 'macvlan', 'veth'] as const) await story.untilLoaded(name)
    expect(await loaded()).toEqual(expect.arrayContaining(['brd', 'dummy', 'nlmon']))
    expect(await firmware()).toBe('of the image')
  })

  test('same kernel: loaded again; the label goes first, and comes back when it is true again', async () => {
    await loseImage('veth')
    const before = await bootId()
    const back = lab.vm.reboot()
    await story.remove(modules, 'macvlan')
    await back
    const now = await bootId()
    expect(now).not.toBe(before)
    for (const name of ['brd', 'dummy', 'nlmon'] as const) {
      await eventually(
        `${name} is loaded in the new boot`,
        () => entriesOf(name),
        ({ fact }) => fact?.bootId === now,
      )
      await eventually(
        `${name} is labelled`,
        () => labelOf(name),
        (label) => label === '',
      )
      await story.untilLoaded(name)
    }
    expect(await loaded()).toEqual(expect.arrayContaining(['brd', 'dummy', 'nlmon']))
    // users.md 8: a Module deleted while the node starts goes with the boot.
    await eventually(
      'the deleted Module is gone',
      () => story.module('macvlan'),
      (module) => module === undefined,
    )
    expect(await loaded()).not.toContain('macvlan')
    expect(await entriesOf('macvlan')).toEqual({ wish: undefined, fact: undefined })
    expect(await labelOf('macvlan')).toBeUndefined()
    const states = history.states.filter((state) => state.startsWith(now))
    expect(states.some((state) => state.endsWith('bare'))).toBe(true)
    expect(states.at(-1)).toBe(`${now} Ready labelled`)
  })

  test('users.md 9: an image that the registry lost is missed after the reboot, and built again on request', async () => {
    const entry = await story.untilKernel(
      'veth',
      'cannot be pulled',
      ({ reason }) => reason === 'ImagePullBackOff',
      first,
    )
    expect(entry.message).toContain('raise spec.imageRebuildTriggerGeneration')
    expect(story.pods.builds()).toHaveLength(2)
    const spec = { imageRebuildTriggerGeneration: 1 }
    await lab.kube.patch(modules, refOf('veth'), { spec })
    await story.untilLoaded('veth')
    expect(story.pods.builds()).toHaveLength(3)
    await story.deleteModule('veth')
  })

  test('a kernel that takes signed modules only: named, and nothing is tried again', async () => {
    await lab.vm.console.run('echo 1 > /sys/module/module/parameters/sig_enforce')
    const before = story.pods.workers('Load', 'macvlan').length
    await story.apply(moduleOf('macvlan', { literal: first, containerImage: unsigned() }))
    const entry = await story.untilKernel('macvlan', 'fails', ({ phase }) => phase === 'LoadFailed', first)
    expect(entry).toMatchObject({ reason: 'KeyRejected', nodes: { failed: 1 } })
    await expectWhy(story, 'macvlan', { line: 'modprobe', reason: 'KeyRejected' })
    expect(story.pods.workers('Load', 'macvlan')).toHaveLength(before + 1)
    await story.deleteModule('macvlan')
  })

  test('another kernel: its run takes over, and nothing of the first is left', async () => {
    // users.md 3: the decision to unload nlmon is made in the first kernel, and its pod cannot begin there.
    await loseImage('nlmon')
    await story.remove(modules, 'nlmon')
    await story.untilKernel(
      'nlmon',
      'its unload cannot begin',
      ({ reason }) => reason === 'ImagePullBackOff',
      first,
    )
    await lab.vm.reboot({ kernel: second })

    await story.untilKernel('brd', 'is Loaded', ({ phase }) => phase === 'Loaded', second)
    const now = await bootId()
    expect(await release()).toBe(second)
    expect(await loaded()).toContain('brd')
    expect((await entriesOf('brd')).fact).toMatchObject({ bootId: now, config: { kernelVersion: second } })

    await eventually(
      'of the Module without a mapping for it nothing is left on the node',
      async () => ({ entries: await entriesOf('dummy'), label: await labelOf('dummy') }),
      ({ entries, label }) => entries.wish === undefined && entries.fact === undefined && label === undefined,
    )
    await eventually(
      'the Module that was to be unloaded is gone, without an unload',
      () => story.module('nlmon'),
      (module) => module === undefined,
    )
    expect(await entriesOf('nlmon')).toEqual({ wish: undefined, fact: undefined })
    expect(await labelOf('nlmon')).toBeUndefined()
    expect(await firmware()).toBe('')
    for (const name of ['brd', 'dummy'] as const) {
      await eventually(
        `the status of ${name} knows the second kernel only`,
        () => story.module(name),
        (module) => expect(module?.status?.kernels?.map(({ kernel }) => kernel)).toEqual([second]),
      )
    }
    await eventually(
      'no worker pod is left',
      () => (['brd', 'dummy', 'nlmon'] as const).flatMap((name) => story.pods.workers(undefined, name)),
      (all) => all.every(({ gone }) => gone),
    )
    await story.untilCondition('dummy', { type: 'Ready', status: 'False', reason: 'NoMapping' })
    await expectWhy(story, 'dummy', { line: 'kernel mapping', reason: 'NoMapping' })
  })
})
