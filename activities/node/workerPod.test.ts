import { readFileSync } from 'node:fs'
import type { V1VolumeMount } from '@kubernetes/client-node'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../api/canonicalJson.ts'
import { parseConfig } from '../../api/config.ts'
import { builtInTolerations } from '../../api/eligibility.ts'
import type { Modprobe } from '../../api/module.ts'
import { testConfig, testKernel, testNode, testRef } from '../../api/testCluster.ts'
import { parseWorkerCommand } from '../../api/workerCommand.ts'
import { workerPod, type WorkerPodInput } from './workerPod.ts'

const defaults = parseConfig('')
if (!defaults.ok) throw new Error(defaults.message)
const { worker } = defaults.config

const modprobe = { moduleName: 'kmm_ci_a', dirName: '/opt' }
const everything = { ...modprobe, firmwarePath: '/firmware', modulesLoadingOrder: ['kmm_ci_a', 'kmm_ci_b'] }

function pod(change: Partial<WorkerPodInput> & { modprobe?: Modprobe } = {}) {
  const { modprobe: wanted = modprobe, ...rest } = change
  const config = testConfig({ containerImage: 'registry.example/kmm-ci@sha256:...', modprobe: wanted })
  return workerPod({
    ref: testRef,
    node: testNode(),
    action: 'Load',
    entry: { config, serviceAccountName: 'default' },
    configHash: 'c1',
    owner: { name: 'n1', uid: 'record-1' },
    worker,
    pullSecrets: [],
    workerImage: 'registry.example/kmm-temporal:1',
    ...rest,
  })
}
const command = (made: ReturnType<typeof pod>) =>
  parseWorkerCommand(made.metadata.annotations['kmm.node.kubernetes.io/worker-config'] ?? '')
const workerOf = (made: ReturnType<typeof pod>) => made.spec.containers[0]!
const mountPaths = (made: ReturnType<typeof pod>) => workerOf(made).volumeMounts?.map((m) => m.mountPath)

test('the pod is the one that loader/README.md shows', () => {
  const readme = readFileSync(new URL('../../loader/README.md', import.meta.url), 'utf8')
  const json = /```json\n(.*?)```/s.exec(readme)?.[1] ?? ''
  const shown = JSON.parse(json.replaceAll('6.1.0-56-amd64', testKernel)) as ReturnType<typeof pod>
  const { spec } = pod({ modprobe: everything })
  const byName = <T extends { name: string }>(items: readonly T[] = []) =>
    Object.fromEntries(items.map((item) => [item.name, item]))
  // The page leaves out what is a default of Kubernetes, and names its own node.
  const {
    terminationGracePeriodSeconds: _grace,
    nodeName: _node,
    initContainers,
    containers,
    volumes,
    ...rest
  } = shown.spec
  expect(spec).toMatchObject(rest)
  expect(byName(spec.volumes)).toEqual(byName(volumes))
  expect(byName(spec.initContainers)).toMatchObject(byName(initContainers))
  const { volumeMounts, terminationMessagePath: _path, ...container } = containers[0]!
  expect(spec.containers).toMatchObject([container])
  const mounts = (of: V1VolumeMount[] | undefined) => new Set(of?.map(canonicalJson))
  expect(mounts(spec.containers[0]?.volumeMounts)).toEqual(mounts(volumeMounts))
  const { annotations } = pod({ modprobe: everything }).metadata
  expect(Object.keys(annotations).sort()).toEqual(Object.keys(shown.metadata.annotations).sort())
  expect(annotations['kmm.node.kubernetes.io/modules-order']).toBe(
    shown.metadata.annotations['kmm.node.kubernetes.io/modules-order'],
  )
})

describe('the command', () => {
  test('carries boot and kernel of the node and what is to be loaded', () => {
    expect(command(pod({ node: testNode({ bootId: 'b7' }) }))).toMatchObject({
      action: 'Load',
      bootId: 'b7',
      kernel: testKernel,
      config: { containerImage: 'registry.example/kmm-ci@sha256:...', modprobe },
    })
  })
  test('has a directory also when the config has none', () => {
    const made = pod({ modprobe: { moduleName: 'a' } as Modprobe })
    expect(command(made).config.modprobe.dirName).toBe('/opt')
    expect(mountPaths(made)).toContain(`/opt/lib/modules/${testKernel}`)
  })
})

describe('nodes:WPD-1 the name is a lock', () => {
  test('load and unload share it, nodes and Modules do not', () => {
    const name = (change: Partial<WorkerPodInput> = {}) => pod(change).metadata.name
    expect(name({ action: 'Unload', configHash: 'c2' })).toBe(name())
    expect(name({ node: testNode({ uid: 'node-2' }) })).not.toBe(name())
    expect(name({ ref: { namespace: 'other', name: 'fpga' } })).not.toBe(name())
    expect(name()).toMatch(/^kmm-worker-fpga-[0-9a-f]{10}$/)
  })
  test('action and config are labels', () => {
    expect(pod({ action: 'Unload' }).metadata).toMatchObject({
      namespace: 'drivers',
      labels: {
        'app.kubernetes.io/name': 'kmm',
        'app.kubernetes.io/component': 'worker',
        'app.kubernetes.io/part-of': 'kmm',
        'kmm.node.kubernetes.io/module.name': 'fpga',
        'kmm.node.kubernetes.io/worker-action': 'Unload',
        'kmm.sigs.x-k8s.io/config-hash': 'c1',
      },
      ownerReferences: [{ kind: 'NodeModulesConfig', name: 'n1', uid: 'record-1', controller: true }],
    })
  })
})

describe('what it runs with', () => {
  test('Secret, ServiceAccount, tolerations and pull policy of the entry', () => {
    const config = testConfig({ imagePullPolicy: 'Always' })
    const entry = {
      config,
      serviceAccountName: 'loader',
      tolerations: [...builtInTolerations],
    }
    const { spec } = pod({ entry, pullSecrets: ['pull', 'worker'] })
    expect(spec).toMatchObject({
      nodeName: 'n1',
      serviceAccountName: 'loader',
      imagePullSecrets: [{ name: 'pull' }, { name: 'worker' }],
      tolerations: builtInTolerations,
    })
    expect(spec.initContainers?.[0]).toMatchObject({
      imagePullPolicy: 'Always',
      image: config.containerImage,
    })
    expect(pod().spec).not.toHaveProperty('imagePullSecrets')
  })
  test('an empty pull policy, as KMM writes it, is left out', () => {
    const entry = { config: testConfig({ imagePullPolicy: '' }), serviceAccountName: 'default' }
    expect(pod({ entry }).spec.initContainers?.[0]).not.toHaveProperty('imagePullPolicy')
  })
  test('user and SELinux type of the configuration', () => {
    const made = pod({ worker: { ...worker, runAsUser: 7, seLinuxType: 'my_t' } })
    expect(workerOf(made).securityContext).toMatchObject({ runAsUser: 7, seLinuxOptions: { type: 'my_t' } })
  })
})

describe('nodes:WPD-6 only when needed', () => {
  const parts = (made: ReturnType<typeof pod>) => [
    ...(made.spec.initContainers ?? []).map((c) => c.name),
    ...(made.spec.volumes ?? []).map((v) => v.name).sort(),
  ]
  const plain = ['image-extractor', 'config', 'image', 'lib-modules']
  test.each<[string, Parameters<typeof pod>[0], string[]]>([
    ['neither', {}, plain],
    ['order', { modprobe: { ...modprobe, modulesLoadingOrder: ['a', 'b'] } }, [...plain, 'modules-order']],
    ['an order of one is none', { modprobe: { ...modprobe, modulesLoadingOrder: ['a'] } }, plain],
    [
      'firmware',
      { modprobe: { ...modprobe, firmwarePath: '/f' } },
      ['image-extractor', 'firmware-extractor', 'config', 'image', 'lib-firmware', 'lib-modules'],
    ],
    [
      'neither order nor files of firmware to unload',
      { action: 'Unload', modprobe: everything },
      ['image-extractor', 'config', 'image', 'lib-firmware', 'lib-modules'],
    ],
    [
      'nothing of the image where only firmware of another kernel is left',
      { action: 'Unload', node: testNode({ kernel: '6.9.9' }), modprobe: everything },
      ['config', 'image', 'lib-firmware', 'lib-modules'],
    ],
    [
      'no firmware directory on the nodes: the loader says so',
      { modprobe: { ...modprobe, firmwarePath: '/f' }, worker: { ...worker, firmwareHostPath: null } },
      plain,
    ],
  ])('%s', (_name, change, expected) => {
    expect(parts(pod(change))).toEqual(expected)
  })
})

describe('firmware', () => {
  type Change = NonNullable<Parameters<typeof pod>[0]>
  const order = (change: Change) => command(pod(change)).firmware
  const owner = 'drivers/fpga'
  const to = (firmwareHostPath: string | null) => ({ ...worker, firmwareHostPath })
  const firmware = { modprobe: everything }

  test.each<[string, Change, ReturnType<typeof order>]>([
    ['none', {}, undefined],
    ['an empty path is none', { modprobe: { ...modprobe, firmwarePath: '' } }, undefined],
    ['loaded', firmware, { owner, install: '/lib/firmware' }],
    [
      'loaded again, where it was',
      { ...firmware, firmwareHostPath: '/lib/firmware' },
      { owner, install: '/lib/firmware' },
    ],
    [
      'loaded again after the directory was changed',
      { ...firmware, firmwareHostPath: '/lib/firmware', worker: to('/var/lib/firmware') },
      { owner, install: '/var/lib/firmware', leave: '/lib/firmware' },
    ],
    [
      'loaded again, without firmware now',
      { firmwareHostPath: '/lib/firmware' },
      { owner, leave: '/lib/firmware' },
    ],
    [
      'unloaded after the directory was changed',
      { ...firmware, action: 'Unload', firmwareHostPath: '/lib/firmware', worker: to('/var/lib/firmware') },
      { owner, leave: '/lib/firmware' },
    ],
    [
      'unloaded after the directory was taken out of the configuration',
      { ...firmware, action: 'Unload', firmwareHostPath: '/lib/firmware', worker: to(null) },
      { owner, leave: '/lib/firmware' },
    ],
    [
      'unloaded by a record without a directory',
      { ...firmware, action: 'Unload' },
      { owner, leave: '/lib/firmware' },
    ],
    ['no directory on the nodes: the loader says so', { ...firmware, worker: to(null) }, undefined],
  ])('%s', (_name, change, expected) => {
    expect(order(change)).toEqual(expected)
  })

  test.each(['/lib/firmware', '/var/lib/firmware'])('needs no privileged container for %s', (path) => {
    const made = pod({ ...firmware, worker: to(path) })
    expect(workerOf(made).securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: ['SYS_MODULE'] },
    })
    expect(mountPaths(made)).toContain(path)
    // /sys itself is read-only in the container: of /var/lib/firmware the kernel has to be told.
    const told = made.spec.volumes?.filter((v) => v.hostPath?.path.startsWith('/sys/'))
    expect(told?.map((v) => v.hostPath?.path)).toEqual(
      path === '/lib/firmware' ? [] : ['/sys/module/firmware_class/parameters'],
    )
    expect(mountPaths(made)?.includes('/kmm/firmware-class')).toBe(path !== '/lib/firmware')
  })

  test('both directories are there when it moves', () => {
    const made = pod({ ...firmware, firmwareHostPath: '/lib/firmware', worker: to('/var/lib/firmware') })
    expect(mountPaths(made)).toEqual(expect.arrayContaining(['/lib/firmware', '/var/lib/firmware']))
  })
})

describe('the kubelet ends a pod that hangs', () => {
  test('after half an hour', () => {
    expect(pod().spec.activeDeadlineSeconds).toBe(1800)
  })
})
