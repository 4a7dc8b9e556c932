import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { kernelTree, targetKernelPackages } from '../../lab/images/kernels.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { runOrThrow } from '../../lab/programs/exec.ts'
import { pushKmodImage } from './kmodImages.ts'

/** Modules that the guest has and does not load by itself, by their files in its tree. */
const inTree = {
  /** RAM disks. Parameter rd_nr: how many; who opens /dev/ram0 holds it. */
  brd: 'kernel/drivers/block/brd.ko',
  dummy: 'kernel/drivers/net/dummy.ko',
  nlmon: 'kernel/drivers/net/nlmon.ko',
} as const
export type InTree = keyof typeof inTree

/**
 * Pushes a kmod image with one of the guest's own modules for one of its kernels, as if it came from elsewhere: made
 * in a second, without a build. `note` makes an image of another digest. Resolves with the reference by digest.
 */
export async function pushInTreeModule(
  reference: string,
  release: string,
  module: InTree,
  note = '',
): Promise<string> {
  const depmod = await ensurePrograms(['depmod']).path('depmod')
  const found = (await targetKernelPackages()).find((kernel) => kernel.release === release)
  if (found === undefined) throw new Error(`the lab has no kernel ${release}`)
  const { modules } = await kernelTree(found, depmod)
  return await pushKmodImage(reference, 'busybox', async (root) => {
    const tree = join(root, 'opt/lib/modules', release)
    await mkdir(tree, { recursive: true })
    await copyFile(join(modules, inTree[module]), join(tree, basename(inTree[module])))
    await writeFile(join(root, 'note'), note)
    await runOrThrow([depmod, '-b', join(root, 'opt'), release])
  })
}
