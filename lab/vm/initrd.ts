import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { KernelTree } from '../images/kernels.ts'
import { runOrThrow } from '../programs/exec.ts'

/** What the kernel needs before it has its disk: the disk's bus and driver, and its file system. */
export const initrdModules = ['virtio_pci', 'virtio_blk', 'ext4'] as const

/** The module files in the output of `modprobe --show-depends`, in load order, each once. */
export const parseShowDepends = (output: string): readonly string[] => {
  const files = output.split('\n').flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? [])
  return [...new Set(files)]
}

/**
 * The files of modules and all they need, in load order, from a kernel's own dependency lists. `depmod`: the program,
 * which has modprobe beside it. Rejects with CommandFailed, also when the kernel has no such module.
 */
export const moduleFiles = async (
  kernel: KernelTree,
  modules: readonly string[],
  depmod: string,
): Promise<readonly string[]> => {
  const base = kernel.modules.slice(0, -`/lib/modules/${kernel.release}`.length)
  const beside = join(dirname(depmod), 'modprobe')
  const command = ['-d', base, '-S', kernel.release, '-C', '/dev/null', '-a', '--show-depends', ...modules]
  return parseShowDepends(await runOrThrow([existsSync(beside) ? beside : 'modprobe', ...command]))
}

/**
 * Makes the initrd of a kernel: a static busybox, the modules for the disk, and guest/init.sh. It is not compressed,
 * for unpacking it under emulation would take longer than reading it. `scratch`: an empty folder.
 */
export const makeInitrd = async (options: {
  readonly kernel: KernelTree
  readonly busybox: string
  readonly depmod: string
  readonly cpio: string
  readonly scratch: string
  readonly target: string
}): Promise<void> => {
  const { kernel, scratch, target } = options
  const files = await moduleFiles(kernel, initrdModules, options.depmod)
  await mkdir(join(scratch, 'bin'), { recursive: true })
  await mkdir(join(scratch, 'modules'))
  await copyFile(options.busybox, join(scratch, 'bin', 'busybox'))
  await chmod(join(scratch, 'bin', 'busybox'), 0o755)
  for (const file of files) await copyFile(file, join(scratch, 'modules', basename(file)))
  await writeFile(join(scratch, 'modules.list'), files.map((file) => `${basename(file)}\n`).join(''))
  await writeFile(join(scratch, 'init'), await readFile(guestFile('init.sh')), { mode: 0o755 })
  const names = [
    'bin',
    'bin/busybox',
    'modules',
    ...files.map((file) => `modules/${basename(file)}`),
    'modules.list',
    'init',
  ]
  await runOrThrow([options.cpio, '-o', '-H', 'newc', '-R', '0:0', '--quiet', '-D', scratch, '-F', target], {
    input: names.map((name) => `${name}\n`).join(''),
  })
}

/** Path of a file that goes into the guest. */
export const guestFile = (name: string): string => join(import.meta.dirname, 'guest', name)
