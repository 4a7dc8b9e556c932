import { randomUUID } from 'node:crypto'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test as base } from 'vitest'
import type { WriteBody } from '../../activities/kube/kube.ts'
import { containers } from '../../api/names.ts'
import { podFacts } from '../../api/objectFacts.ts'
import { pods, type Pod } from '../../activities/kube/resources.ts'
import { loaderOutcome } from '../../activities/node/loaderOutcome.ts'
import { workerPod } from '../../activities/node/workerPod.ts'
import { parseConfig } from '../../api/config.ts'
import { testConfig, testNode } from '../../api/testCluster.ts'
import { buildNodeName } from '../../lab/realNodes.ts'
import { eventually } from '../support/eventually.ts'
import { type Cp, pushKmodImage } from '../support/kmodImages.ts'
import { useLab } from '../support/testLab.ts'

/**
 * The worker pods that the operator makes, on a real kubelet, with images that hold `cp` and nothing else. In place of
 * the loader, which would need a kernel with modules, a busybox tells what it finds where the loader would look.
 */
const lab = useLab()
const kernel = '6.6.1-contract'
const levels = '/usr/local/acme/drivers/'

/** Everything a tree may have (nodes:1 Better). `linked` is a folder of a kernel that is a link. */
async function fill(root: string): Promise<void> {
  const put = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  const link = (path: string, text: string) => symlink(text, join(root, path))
  for (const prefix of ['/opt', levels]) {
    const tree = join(prefix, 'lib/modules', kernel)
    await put(`${tree}/a.ko`, `module of ${prefix}`)
    await put(`${tree}/.hidden`, 'hidden')
    await put(`${tree}/sub/b.ko`, 'in a folder')
    await link(`${tree}/to-file`, 'a.ko')
    await link(`${tree}/to-folder`, 'sub')
    await link(`${tree}/host`, `/host/lib/modules/${kernel}`)
  }
  await link('/opt/lib/modules/linked', kernel)
  await link('/opt/lib/modules/linked-absolutely', `/opt/lib/modules/${kernel}`)
  await put('/firmware/acme/.hidden.bin', 'firmware')
  await link('/firmware/acme/latest.bin', '.hidden.bin')
}

const tree = (prefix: string) =>
  [
    './.hidden: hidden',
    `./a.ko: module of ${prefix}`,
    `./host -> /host/lib/modules/${kernel}`,
    './sub/b.ko: in a folder',
    './to-file -> a.ko',
    './to-folder -> sub',
  ].join('\n')

/** Lists files with their text and links with theirs, and whether the folder can be written to. */
const tell = `for folder; do
  cd "$folder" || exit 1
  echo "== $folder"
  /bin/busybox find . \\( -type f -o -type l \\) | /bin/busybox sort | while read -r path; do
    if [ -L "$path" ]; then echo "$path -> $(/bin/busybox readlink "$path")"; else echo "$path: $(/bin/busybox head -c 60 "$path" | /bin/busybox tr -cd ' -~')"; fi
  done
  if /bin/busybox touch new 2>/dev/null; then echo writable; fi
done >/dev/termination-log`

interface Wanted {
  readonly image: string
  readonly modprobe?: { readonly dirName?: string; readonly firmwarePath?: string }
  readonly kernel?: string
  /** Each extraction is done twice, as the kubelet may do it. */
  readonly twice?: boolean
  /** Folders of the container to tell about. */
  readonly of?: readonly string[]
}

/** Makes the worker pod of a load on the build node. */
function workerOf({
  image,
  modprobe,
  kernel: of = kernel,
  twice = false,
  of: folders = [],
}: Wanted): WriteBody {
  const parsed = parseConfig('')
  if (!parsed.ok) throw new Error(parsed.message)
  const config = testConfig({
    containerImage: image,
    modprobe: { moduleName: 'a', dirName: '/opt', ...modprobe },
  })
  const made = workerPod({
    ref: { namespace: 'default', name: 'contract' },
    node: testNode({ name: buildNodeName, uid: randomUUID(), kernel: of }),
    action: 'Load',
    entry: { config, serviceAccountName: 'default' },
    configHash: 'c1',
    owner: { name: buildNodeName, uid: randomUUID() },
    // Not a directory of this machine that anything else looks at.
    worker: { ...parsed.config.worker, firmwareHostPath: join(lab.folder.dir, 'firmware') },
    pullSecrets: [],
    workerImage: lab.state.images?.pause ?? '',
  })
  const spec = made.spec as unknown as NonNullable<Pod['spec']>
  const { initContainers = [], containers: loaders } = spec
  const again = initContainers.map((container) => ({ ...container, name: `${container.name}-again` }))
  const [{ securityContext: _, args: _args, ...worker } = { name: 'worker' }] = loaders
  return {
    ...made,
    // Without our labels, by which the operator would take it for one that nobody wants.
    metadata: { ...made.metadata, labels: {}, ownerReferences: [] },
    spec: {
      ...spec,
      volumes: spec.volumes?.filter(({ name }) => name !== 'firmware-class'),
      initContainers: twice ? [...initContainers, ...again] : initContainers,
      containers: [
        {
          ...worker,
          command: ['/bin/busybox', 'sh', '-c', tell, 'tell', ...folders],
          volumeMounts: worker.volumeMounts?.filter(({ name }) => name !== 'firmware-class'),
        },
      ],
    },
  }
}

/** `run` runs the worker pod of a load until it has ended; it goes with the test. */
const test = base.extend<{ run: (wanted: Wanted) => Promise<Pod> }>({
  run: async ({ onTestFinished }, use) => {
    await use(async (wanted) => {
      const { object } = await lab.kube.create(pods, workerOf(wanted))
      const { namespace = '', name, uid } = object.metadata
      onTestFinished(async () => void (await lab.kube.delete(pods, { namespace, name }, { uid })))
      const ended = await eventually(
        `the worker pod for ${wanted.image} has ended`,
        () => lab.kube.get(pods, { namespace, name }),
        (pod) => pod?.status?.phase === 'Succeeded' || pod?.status?.phase === 'Failed',
      )
      return ended as Pod
    })
  },
})

/** What the container in place of the loader reports. */
const told = ({ status }: Pod) => {
  const worker = status?.containerStatuses?.find(({ name }) => name === containers.worker)
  return worker?.state?.terminated?.message?.trim() ?? `nothing: ${JSON.stringify(status)}`
}
const outcome = (pod: Pod) => {
  const { state } = podFacts(pod)
  return state.kind === 'failed' ? loaderOutcome(state) : state
}

describe.each<Cp>(['gnu', 'busybox'])(
  'an image with nothing but the cp of %s',

  (cp) => {
    let image: string
    beforeAll(async () => {
      image = await pushKmodImage(`${lab.state.registry}/contract/${cp}:1`, cp, fill)
    })

    test('gives its modules, links kept, where modprobe -d finds them, and where KMM has them', async ({
      run,
    }) => {
      const folders = [`/opt/lib/modules/${kernel}`, `/tmp/opt/lib/modules/${kernel}`]
      const pod = await run({ image, of: folders })
      expect(told(pod)).toBe(folders.map((folder) => `== ${folder}\n${tree('/opt')}`).join('\n'))
    })

    test('a second time onto the first, without nesting', async ({ run }) => {
      const folder = `/opt/lib/modules/${kernel}`
      const pod = await run({ image, twice: true, of: [folder] })
      expect(told(pod)).toBe(`== ${folder}\n${tree('/opt')}`)
    })

    test('below a prefix of several levels that ends in a slash', async ({ run }) => {
      const folder = `/usr/local/acme/drivers/lib/modules/${kernel}`
      const pod = await run({ image, modprobe: { dirName: levels }, of: [folder] })
      expect(told(pod)).toBe(`== ${folder}\n${tree(levels)}`)
    })

    test.for(['linked', 'linked-absolutely'])(
      'through a folder of the kernel that is %s',
      async (release, { run }) => {
        const folder = `/opt/lib/modules/${release}`
        const pod = await run({ image, kernel: release, of: [folder] })
        expect(told(pod)).toBe(`== ${folder}\n${tree('/opt')}`)
      },
    )

    test('and its firmware', async ({ run }) => {
      const pod = await run({
        image,
        modprobe: { firmwarePath: '/firmware/' },
        twice: true,
        of: ['/kmm/firmware'],
      })
      expect(told(pod)).toBe(
        '== /kmm/firmware\n./acme/.hidden.bin: firmware\n./acme/latest.bin -> .hidden.bin',
      )
    })

    test('another kernel: no modules for it', async ({ run }) => {
      const pod = await run({ image, kernel: '6.6.2-other' })
      expect(outcome(pod)).toMatchObject({
        reason: 'NoModulesForKernel',
        message: expect.stringContaining('/opt/lib/modules/6.6.2-other'),
      })
    })

    test('no firmware at its path: named', async ({ run }) => {
      const pod = await run({ image, modprobe: { firmwarePath: '/nowhere' } })
      expect(outcome(pod)).toMatchObject({
        reason: 'ExtractFailed',
        message: expect.stringContaining('/nowhere'),
      })
    })
  },
)

test('an image without cp is named as such', async ({ run }) => {
  const image = await pushKmodImage(`${lab.state.registry}/contract/none:1`, 'none', fill)
  expect(outcome(await run({ image }))).toMatchObject({ kind: 'none', reason: 'CpMissing' })
})

test('the node’s modules are at /lib/modules and /host/lib/modules, and cannot be written', async ({
  run,
}) => {
  const image = await pushKmodImage(`${lab.state.registry}/contract/host:1`, 'busybox', fill)
  const [release = ''] = lab.vm.kernels
  const indexes = ['/lib/modules', '/host/lib/modules'].map(
    (folder) => `${folder}/${release}/kernel/drivers/net/slip`,
  )
  const said = told(await run({ image, of: indexes }))
  expect(said.match(/^== .*$/gm)).toEqual(indexes.map((folder) => `== ${folder}`))
  expect(said).toContain('./slip.ko')
  expect(said).not.toContain('writable')
})
