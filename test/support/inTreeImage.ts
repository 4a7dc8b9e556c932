import { copyFile, glob, mkdir, readFile, truncate } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { kernelTree, targetKernelPackages } from '../../lab/images/kernels.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { runOrThrow } from '../../lab/programs/exec.ts'
import type { WriteBody } from '../../activities/kube/kube.ts'
import { apiVersion } from '../../api/names.ts'
import { loadNodeLabels } from '../../lab/realNodes.ts'
import { pushKmodImage } from './kmodImages.ts'

/** Modules that the guest has and does not load by itself, by their files in its tree. */
const inTree = {
  /** RAM disks. Parameter rd_nr: how many; who opens /dev/ram0 holds it. */
  brd: 'kernel/drivers/block/brd.ko',
  dummy: 'kernel/drivers/net/dummy.ko',
  nlmon: 'kernel/drivers/net/nlmon.ko',
  veth: 'kernel/drivers/net/veth.ko',
  macvlan: 'kernel/drivers/net/macvlan.ko',
} as const
export type InTree = keyof typeof inTree

/**
 * Pushes a kmod image with one of the guest's own modules for one of its kernels, as if it came from elsewhere: made
 * in a second, without a build. `fill` puts more into its root, or changes what depmod has written. Resolves with the reference by digest.
 */
export async function pushInTreeModule(
  reference: string,
  release: string,
  module: InTree,
  fill: (root: string) => Promise<unknown> = async () => undefined,
): Promise<string> {
  const depmod = await ensurePrograms(['depmod']).path('depmod')
  const found = (await targetKernelPackages()).find((kernel) => kernel.release === release)
  if (found === undefined) throw new Error(`the lab has no kernel ${release}`)
  const { modules } = await kernelTree(found, depmod)
  return await pushKmodImage(reference, 'busybox', async (root) => {
    const tree = join(root, 'opt/lib/modules', release)
    await mkdir(tree, { recursive: true })
    await copyFile(join(modules, inTree[module]), join(tree, basename(inTree[module])))
    await runOrThrow([depmod, '-b', join(root, 'opt'), release])
    await fill(root)
  })
}

/** What a Module of an in-tree module for the load node says beside its image. */
export interface InTreeModule {
  readonly namespace: string
  /** The Module's name too. */
  readonly module: InTree
  readonly image: string
  readonly parameters?: readonly string[]
  readonly firmwarePath?: string
}

/** A Module that loads an image of `pushInTreeModule` into the load node's kernel, whichever it is. */
export function inTreeModule({ namespace, module, image, ...modprobe }: InTreeModule): WriteBody {
  const mapping = { regexp: '^.+$', containerImage: image, registryTLS: { insecure: true } }
  const container = { modprobe: { moduleName: module, ...modprobe }, kernelMappings: [mapping] }
  return {
    apiVersion,
    kind: 'Module',
    metadata: { namespace, name: module },
    spec: { selector: loadNodeLabels, moduleLoader: { container } },
  }
}

/** What ends a signed kernel module: its signature, 12 bytes of which the last 4 are its length, and this. */
const signatureMagic = '~Module signature appended~\n'

/** Takes the signatures off the modules of an image. Throws when there is one without. */
export async function unsign(root: string): Promise<void> {
  for await (const file of glob(join(root, '**/*.ko'))) {
    const content = await readFile(file)
    const end = content.length - signatureMagic.length
    if (content.toString('latin1', end) !== signatureMagic) throw new Error(`${file} is not signed`)
    await truncate(file, end - 12 - content.readUInt32BE(end - 4))
  }
}
