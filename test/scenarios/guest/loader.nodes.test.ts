import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { WriteBody } from '../../../activities/kube/kube.ts'
import { modules, namespaces } from '../../../activities/kube/resources.ts'
import { loaderResultSchema } from '../../../api/loaderResult.ts'
import { apiVersion, labels } from '../../../api/names.ts'
import { loadNodeLabels, loadNodeName } from '../../../lab/realNodes.ts'
import { eventually } from '../../support/eventually.ts'
import { recordedOn } from '../../support/nodeRecord.ts'
import { eventsOn, eventsOnNode } from '../../support/observed.ts'
import { firmwareHostPath } from '../../support/firmware.ts'
import { failingLoads } from '../../support/failingLoads.ts'
import { type GuestImages, makeGuestImages } from '../../support/guestImages.ts'
import { guestDirName, guestFirmware } from '../../support/guestModules.ts'
import { watchPods } from '../../support/podHistory.ts'
import { Scenario } from '../../support/scenario.ts'
import { sharedOperator } from '../../support/stories.ts'
import { useLab } from '../../support/testLab.ts'
import { expectWhy } from '../../support/why.ts'

const lab = useLab()
const namespace = 't-loader'
/** Modules of the distribution that are loaded in the guest before anything else. */
const loadedBefore = ['dummy', 'crc_itu_t', 'nlmon']

let story: Scenario
let kernel: string
let images: GuestImages

const guest = async (command: string): Promise<string> => {
  const { output, status } = await lab.vm.console.run(command)
  if (status !== 0) throw new Error(`${command}: ${output}`)
  return output.trim()
}
const inGuest = async () => (await lab.vm.lsmod()).map(({ name }) => name)

interface Wanted {
  readonly image: string
  readonly modprobe: object
  readonly inTreeModulesToRemove?: readonly string[]
}
/** A Module for the guest, of a ready-made image. */
const module = (name: string, { image, modprobe, inTreeModulesToRemove }: Wanted): WriteBody => ({
  apiVersion,
  kind: 'Module',
  metadata: { namespace, name },
  spec: {
    selector: { ...loadNodeLabels },
    moduleLoader: {
      container: {
        modprobe: { dirName: guestDirName, ...modprobe },
        kernelMappings: [
          {
            regexp: '^.+$',
            containerImage: image,
            registryTLS: { insecure: true },
            ...(inTreeModulesToRemove === undefined ? {} : { inTreeModulesToRemove }),
          },
        ],
      },
    },
  },
})
/** The commands that worker pods of a Module said they ran, in order. */
const ranFor = (action: 'Load' | 'Unload', name: string) =>
  story.pods.workers(action, name).map(({ pod }) => {
    const said = pod.status?.containerStatuses?.[0]?.state?.terminated?.message ?? '{}'
    return loaderResultSchema.partial().parse(JSON.parse(said)).command?.join(' ')
  })
const record = (name: string) => recordedOn(lab, loadNodeName, { namespace, name })

/** Each test goes on where the one before it ended. */
describe('loading and unloading on a real kernel', { concurrent: false }, () => {
  beforeAll(async () => {
    const level = { 'pod-security.kubernetes.io/enforce': 'privileged' }
    const metadata = { name: namespace, labels: level }
    await lab.kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata })
    story = new Scenario(lab, namespace, await watchPods(lab.kube, namespace))
    kernel = await guest('uname -r')
    await guest(`modprobe -a ${loadedBefore.join(' ')}`)
    await guest(
      `mkdir -p ${firmwareHostPath}/guest && printf distribution > ${firmwareHostPath}/guest/fw.bin`,
    )
    images = await makeGuestImages(story, kernel)
  })
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return
    console.error(await sharedOperator.log())
    await story.show()
  })
  afterAll(async () => {
    await story.close()
    await guest(`modprobe -r ${loadedBefore.join(' ')}; rm -rf ${firmwareHostPath}; true`)
  })

  const parameter = (name: string) => guest(`cat /sys/module/guest_base/parameters/${name}`)
  const searchPath = () => guest('cat /sys/module/firmware_class/parameters/path')

  describe('what cannot be loaded is said with its reason', () => {
    // One after the other: many pods at once take longer in an emulated machine.
    test.each(failingLoads)('$name: $reason', async ({ name, reason, says, image, ...wanted }) => {
      await story.apply(module(name, { ...wanted, image: images[image] }))
      const { message } = await story.untilCondition(name, { type: 'Ready', status: 'False', reason })
      expect(message).toContain(says)
      const { fact } = await record(name)
      expect(fact).toMatchObject({ failure: { action: 'Load', reason } })
      expect(fact).not.toHaveProperty('firmwareHostPath')
      await expectWhy(story, name, { line: 'modprobe', reason })
      const { metadata } = (await story.module(name)) ?? {}
      expect(await eventsOn(lab, namespace, metadata?.uid ?? '')).toEqual({ LoadFailed: 1 })
      const since = String(metadata?.creationTimestamp)
      const onNode = await eventsOnNode(lab, loadNodeName, { namespace, name }, since)
      expect(onNode).toEqual({ ModuleLoadFailed: 1 })
    })

    test('and nothing of it is left on the node', async () => {
      expect(await inGuest()).toEqual(expect.arrayContaining(loadedBefore))
      expect(await inGuest()).not.toContain('guest_base')
      expect(await guest(`ls -A ${firmwareHostPath}; cat ${firmwareHostPath}/guest/*`)).toBe(
        'guest\ndistribution',
      )
      expect(await searchPath()).toBe('')
    })

    test('no pod is tried again', () => {
      const workers = story.pods.all().filter(({ pod }) => pod.spec?.nodeName === loadNodeName)
      expect(workers).toHaveLength(failingLoads.length)
    })
  })

  test('a module of the distribution gives way to ours of the same name, which a repeated load spares', async () => {
    expect(await guest('ls /sys/module/dummy')).not.toContain('parameters')
    await story.apply(
      module('own-dummy', {
        // Where the tree of the distribution stands, too.
        image: images.rooted,
        modprobe: {
          moduleName: 'dummy',
          dirName: '',
          args: { load: ['--ignore-install'], unload: ['--ignore-remove'] },
        },
        inTreeModulesToRemove: ['dummy'],
      }),
    )
    await story.untilLoaded('own-dummy')
    expect(ranFor('Load', 'own-dummy')).toEqual(['modprobe -vd / --ignore-install dummy'])
    const loadedAt = await guest('cat /sys/module/dummy/parameters/loaded_at')

    const { fact } = await record('own-dummy')
    const stale = { ...fact, bootId: 'before' }
    const of = `kmm:${namespace}/own-dummy`
    const status = { modules: [stale] }
    const body = { apiVersion, kind: 'NodeModulesConfig', metadata: { name: loadNodeName }, status }
    await lab.kube.applyObject(body, { fieldManager: of, force: true, subresource: 'status' })
    await eventually(
      'it is loaded again',
      () => record('own-dummy'),
      (now) => now.fact?.bootId === fact?.bootId,
    )
    expect(await guest('cat /sys/module/dummy/parameters/loaded_at')).toBe(loadedAt)
  })

  test('firmware and parameters reach the module, modules of the distribution go', async () => {
    await story.apply(
      module('driver', {
        image: images.whole,
        modprobe: { moduleName: 'guest_base', ...guestFirmware },
        // The file is crc-itu-t.ko, and ifb is not loaded.
        inTreeModulesToRemove: ['crc-itu-t', 'ifb'],
      }),
    )
    await story.untilLoaded('driver')
    expect(await parameter('found')).toBe('of the image')
    expect(await parameter('times')).toBe('2')
    expect(await inGuest()).not.toContain('crc_itu_t')
    expect(await searchPath()).toBe(firmwareHostPath)
    const manifest = JSON.parse(await guest(`cat ${firmwareHostPath}/.kmm/manifest.json`))
    expect(manifest.files).toMatchObject({
      'guest/fw.bin': { owners: [`${namespace}/driver`], was: expect.stringMatching(/^sha256:/) },
      'guest/more.bin': { owners: [`${namespace}/driver`] },
    })
    expect((await record('driver')).fact).toMatchObject({ firmwareHostPath })
    // In the image this one has the mode 6755.
    expect(await guest(`cd ${firmwareHostPath}/guest; stat -c '%a %U %G %n' . fw.bin more.bin`)).toBe(
      '755 root root .\n644 root root fw.bin\n755 root root more.bin',
    )
  })

  test('worker pods have one capability, no token, and write only where firmware goes', () => {
    const ofDriver = story.pods
      .all()
      .filter(({ pod }) => pod.metadata.labels?.[labels.moduleName] === 'driver')
    const spec = ofDriver.at(-1)?.pod.spec
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      priorityClassName: 'system-node-critical',
    })
    const [worker] = spec?.containers ?? []
    expect(worker?.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['SYS_MODULE'] },
    })
    const writable = worker?.volumeMounts
      ?.filter((mount) => mount.readOnly !== true)
      .map((mount) => mount.mountPath)
    expect(writable?.toSorted()).toEqual(['/kmm/firmware-class', firmwareHostPath])
  })

  test('a module in use names who uses it, and goes with its firmware when they go', async () => {
    const rawArgs = {
      load: ['-d', guestDirName, 'guest_user'],
      unload: ['-rd', guestDirName, 'guest_user'],
    }
    await story.apply(module('user', { image: images.whole, modprobe: { rawArgs } }))
    await story.untilLoaded('user')
    expect(await inGuest()).toContain('guest_user')
    expect(ranFor('Load', 'user')).toEqual([`modprobe -d ${guestDirName} guest_user`])
    await story.remove(modules, 'driver')
    const { fact } = await eventually(
      'the unload fails',
      () => record('driver'),
      ({ fact: now }) => now?.failure !== undefined,
    )
    expect(fact?.failure).toMatchObject({ action: 'Unload', reason: 'InUse' })
    expect(fact?.failure?.message).toContain('Module guest_base is in use')
    expect(fact?.failure?.message).toContain('reference count 1, held by guest_user')
    expect(await guest(`cat ${firmwareHostPath}/guest/fw.bin`)).toBe('of the image')

    await story.deleteModule('user')
    expect(await inGuest()).not.toContain('guest_user')
    expect(ranFor('Unload', 'user')).toEqual([`modprobe -rd ${guestDirName} guest_user`])
    await story.deleteModule('driver')
    expect(await inGuest()).not.toContain('guest_base')
    expect(await guest(`ls -A ${firmwareHostPath}; cat ${firmwareHostPath}/guest/*`)).toBe(
      'guest\ndistribution',
    )
    expect(await searchPath()).toBe('')
  })

  test('the arguments of a Module are modprobe’s at its unload, too', async () => {
    await story.deleteModule('own-dummy')
    expect(await inGuest()).not.toContain('dummy')
    expect(ranFor('Unload', 'own-dummy')).toEqual(['modprobe -rvd / --ignore-remove dummy'])
  })
})
