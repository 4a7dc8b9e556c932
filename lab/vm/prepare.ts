import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type CacheOptions, type KernelTree, kernelTree, targetKernelPackages } from '../images/kernels.ts'
import type { ProgramPaths } from '../programPaths.ts'
import { cacheRoot, publish, withScratch } from '../programs/cache.ts'
import { withLock } from '../programs/lock.ts'
import { silentProgress } from '../programs/progress.ts'
import type { ProgramName } from '../programs/table.ts'
import { chooseAccelerator } from './accelerator.ts'
import { type DiskImage, ensureDisk } from './disk.ts'
import { guestFile, initrdModules, makeInitrd } from './initrd.ts'
import type { PreloadedImage } from './preload.ts'
import type { Accelerator } from './qemu.ts'

/** The programs a virtual machine needs. */
export const vmPrograms = [
  'busybox',
  'cpio',
  'crane',
  'debootstrap',
  'depmod',
  'ip',
  'kubelet',
  'mkfs.ext4',
  'qemu-system-x86_64',
] as const satisfies readonly ProgramName[]

/** A kernel with its initrd, ready to boot. */
export interface BootableKernel {
  /** As `uname -r` says it. */
  readonly release: string
  readonly kernel: string
  readonly initrd: string
}

/** Everything a virtual machine starts from; all of it in the cache. */
export interface VmArtefacts {
  readonly qemu: string
  readonly accelerator: Accelerator
  readonly disk: DiskImage
  /** Newest first; the disk has the modules of each. */
  readonly kernels: readonly BootableKernel[]
}

/**
 * Makes what a virtual machine starts from, or finds it in the cache: the target kernels with an initrd each, the
 * disk with `images` in it, and whether KVM works here. Needs root. Rejects with CommandFailed or an error that names the fix.
 */
export async function prepareVm(
  programs: ProgramPaths,
  images: Promise<readonly PreloadedImage[]>,
  options: CacheOptions = {},
): Promise<VmArtefacts> {
  if (process.arch !== 'x64') {
    throw new Error(`the virtual machine needs a machine of architecture x64, this is ${process.arch}`)
  }
  const root = options.cacheDir ?? cacheRoot()
  const [packages, depmod] = await Promise.all([targetKernelPackages(options), programs.path('depmod')])
  const trees = await Promise.all(packages.map((kernel) => kernelTree(kernel, depmod, options)))
  const [disk, [kernels, qemu, accelerator]] = await Promise.all([
    (async () => {
      const [kubelet, mkfs, crane] = await Promise.all([
        programs.path('kubelet'),
        programs.path('mkfs.ext4'),
        programs.path('crane'),
      ])
      const debootstrap = () => programs.path('debootstrap')
      const parts = { kernels: trees, images: await images, kubelet, mkfs, crane, debootstrap }
      return await ensureDisk(root, parts, options)
    })(),
    bootable(root, trees, programs, options),
  ])
  return { qemu, accelerator, disk, kernels }
}

async function bootable(
  root: string,
  trees: readonly KernelTree[],
  programs: ProgramPaths,
  options: CacheOptions,
): Promise<[readonly BootableKernel[], string, Accelerator]> {
  const kernels = await Promise.all(
    trees.map(async (tree) => ({
      release: tree.release,
      kernel: tree.vmlinuz,
      initrd: await ensureInitrd(root, tree, programs, options),
    })),
  )
  const [newest] = kernels
  if (newest === undefined) throw new Error('there is no target kernel to boot')
  const qemu = await programs.path('qemu-system-x86_64')
  const line = (options.progress ?? silentProgress).start('KVM')
  const accelerator = await chooseAccelerator(join(root, 'vm'), { qemu, ...newest })
  line.done(accelerator === 'kvm' ? 'works' : 'does not boot a kernel here: software emulation')
  return [kernels, qemu, accelerator]
}

/** The initrd of a kernel, made once per kernel, busybox and init script. Rejects with CommandFailed. */
async function ensureInitrd(
  root: string,
  kernel: KernelTree,
  programs: ProgramPaths,
  options: CacheOptions,
): Promise<string> {
  const [busybox, depmod, cpio] = await Promise.all([
    programs.path('busybox'),
    programs.path('depmod'),
    programs.path('cpio'),
  ])
  const { size, mtimeMs } = await stat(kernel.vmlinuz)
  const hash = createHash('sha256')
  hash.update(JSON.stringify([initrdModules, kernel.modules, size, mtimeMs]))
  hash.update(await readFile(busybox)).update(await readFile(guestFile('init.sh')))
  const target = join(root, 'vm', `initrd-${kernel.release}-${hash.digest('hex').slice(0, 12)}.img`)
  if (existsSync(target)) return target
  await mkdir(dirname(target), { recursive: true })
  const key = basename(target)
  await withLock(root, key, options.signal === undefined ? {} : { signal: options.signal }, async () => {
    if (existsSync(target)) return
    await withScratch(root, key, async (scratch) => {
      const made = join(scratch, 'initrd.img')
      await makeInitrd({ kernel, busybox, depmod, cpio, scratch: join(scratch, 'tree'), target: made })
      await publish(made, target)
    })
  })
  return target
}
