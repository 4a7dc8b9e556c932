import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, readFile, symlink, utimes } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type CacheOptions, type KernelTree } from '../images/kernels.ts'
import { ensureRootfs } from '../images/rootfs.ts'
import { publish, withScratch } from '../programs/cache.ts'
import { runOrThrow } from '../programs/exec.ts'
import { withLock } from '../programs/lock.ts'
import { silentProgress } from '../programs/progress.ts'
import { keepLatest } from '../sources.ts'
import { guestFile } from './initrd.ts'
import { type PreloadedImage, preloadImages, preloadScript } from './preload.ts'

/** What the guest's Debian has beside its base system. */
const packages = [
  'busybox-static',
  'ca-certificates',
  'containerd',
  'containernetworking-plugins',
  'crun',
  'iproute2',
  'iptables',
  'kmod',
]

/** So many disks, the last used ones, stay in the cache: each image of the operator makes one of 1.5 GB. */
const kept = 2

/** Size of the disk; in the host's file system it takes only what is used. */
const diskBytes = 16 * 1024 ** 3

/** A disk that is never written to: machines run on copies. `key` names its contents. */
export interface DiskImage {
  readonly key: string
  readonly file: string
}

/**
 * The guest's disk: Debian with containerd and kubelet, the module trees of all `kernels`, and `images` in containerd,
 * unpacked: pulling takes minutes under emulation. Made once per content, of which the names of the tars tell, and kept in
 * `<root>/vm`. Needs root for debootstrap. Rejects with CommandFailed.
 */
export async function ensureDisk(
  root: string,
  parts: {
    readonly kernels: readonly KernelTree[]
    readonly images: readonly PreloadedImage[]
    /** Paths of programs. */
    readonly kubelet: string
    readonly mkfs: string
    readonly crane: string
    readonly debootstrap: () => Promise<string>
  },
  options: CacheOptions = {},
): Promise<DiskImage> {
  const { kernels, images, kubelet, mkfs, crane } = parts
  const rootfs = await ensureRootfs(
    { name: 'vm', key: [], base: { kind: 'debootstrap', packages } },
    parts.debootstrap,
    options,
  )
  const inittab = await readFile(guestFile('inittab'))
  const content = createHash('sha256')
  const contents = [rootfs, ...kernels.map(({ modules }) => modules), ...images.map(({ tar }) => tar)]
  for (const part of [...contents, String(diskBytes), inittab, await readFile(preloadScript)]) {
    content.update(part).update('\0')
  }
  content.update(await readFile(kubelet))
  const key = content.digest('hex').slice(0, 12)
  const file = join(root, 'vm', `disk-${key}.img`)
  if (existsSync(file)) {
    await utimes(file, new Date(), new Date())
    return { key, file }
  }

  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const line = (options.progress ?? silentProgress).start('disk of the virtual machine')
  try {
    line.say('waiting')
    await withLock(root, `vm-disk-${key}`, signal, async () => {
      if (existsSync(file)) return
      await withScratch(root, `vm-disk-${key}`, async (scratch) => {
        const tree = join(scratch, 'tree')
        await mkdir(tree)
        line.say('unpacking Debian')
        await runOrThrow(['tar', '-xf', rootfs, '--numeric-owner', '-C', tree], signal)
        line.say('adding kernel modules and kubelet')
        await mkdir(join(tree, 'usr/lib/modules'), { recursive: true })
        for (const { modules } of kernels) {
          await runOrThrow(['cp', '-a', modules, join(tree, 'usr/lib/modules')], signal)
        }
        await copyFile(kubelet, join(tree, 'usr/bin/kubelet'))
        await chmod(join(tree, 'usr/bin/kubelet'), 0o755)
        await copyFile(guestFile('inittab'), join(tree, 'etc/inittab'))
        if (!existsSync(join(tree, 'lib/modules')))
          await symlink('../usr/lib/modules', join(tree, 'lib/modules'))
        line.say('adding images')
        await preloadImages(tree, images, { crane, scratch, ...signal })
        line.say('making the file system')
        const image = join(scratch, 'disk.img')
        await runOrThrow(['truncate', '-s', String(diskBytes), image], signal)
        const features = 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'
        await runOrThrow([mkfs, '-q', '-F', '-m', '0', '-E', features, '-d', tree, image], signal)
        await publish(image, file)
        await keepLatest(dirname(file), /^disk-\w+\.img$/, kept)
      })
    })
  } catch (error) {
    line.fail(error instanceof Error ? error.message : String(error))
    throw error
  }
  line.done('made')
  return { key, file }
}
