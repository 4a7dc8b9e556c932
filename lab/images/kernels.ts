import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { cacheRoot, publish, withScratch } from '../programs/cache.ts'
import { unpackPackages, updateLists } from '../programs/debian.ts'
import { runOrThrow } from '../programs/exec.ts'
import { withLock } from '../programs/lock.ts'
import { silentProgress, type Progress } from '../programs/progress.ts'
import { debianSources } from './debianSources.ts'

const kernelSchema = z.object({
  /** Kernel release as `uname -r` says it, such as 6.1.0-56-amd64. */
  release: z.string(),
  /** Packages with the version they are taken in, as `name=version`. */
  image: z.string(),
  headers: z.array(z.string()),
})
const recordSchema = z.tuple([kernelSchema, kernelSchema])

/** A Debian kernel whose image, headers and build tools can all be had from the machine's sources. */
export type TargetKernel = z.infer<typeof kernelSchema>

/** An unpacked kernel: what a virtual machine boots, and the module tree with depmod's indexes. */
export interface KernelTree {
  readonly release: string
  /** The kernel image file. */
  readonly vmlinuz: string
  /** The folder `lib/modules/<release>`. */
  readonly modules: string
}

/** Options of everything that is kept in the cache. */
export interface CacheOptions {
  readonly cacheDir?: string
  readonly progress?: Progress
  readonly signal?: AbortSignal
}

const numbers = (release: string): readonly number[] => (release.match(/\d+/g) ?? []).map(Number)

/** Orders kernel releases by their numbers, newest first. */
export const newestFirst = (a: string, b: string): number => {
  const [left, right] = [numbers(a), numbers(b)]
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (right[index] ?? 0) - (left[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Package versions by name, from the output of `apt-cache madison`, in its order (best first). */
export const parseMadison = (output: string): ReadonlyMap<string, readonly string[]> => {
  const versions = new Map<string, string[]>()
  for (const line of output.split('\n')) {
    const [name, version] = line.split('|').map((part) => part.trim())
    if (name === undefined || version === undefined || version === '') continue
    versions.set(name, [...(versions.get(name) ?? []), version])
  }
  return versions
}

/**
 * The two newest kernels of a series ("6.1.") of which image, headers and common headers have one version in common
 * and the series' kbuild package exists. Throws when there are fewer.
 */
export const chooseKernels = (
  versions: ReadonlyMap<string, readonly string[]>,
  series: string,
  architecture: string,
): [TargetKernel, TargetKernel] => {
  const prefix = 'linux-image-'
  const complete = [...versions.keys()]
    .filter(
      (name) => name.startsWith(prefix + series) && /^[\d.]+-\d+-[a-z0-9]+$/.test(name.slice(prefix.length)),
    )
    .map((name) => name.slice(prefix.length))
    .filter((release) => release.endsWith(`-${architecture}`))
    .toSorted(newestFirst)
    .flatMap((release): TargetKernel[] => {
      const common = `linux-headers-${release.slice(0, -architecture.length)}common`
      const headers = `linux-headers-${release}`
      const version = versions
        .get(prefix + release)
        ?.find((candidate) =>
          [common, headers].every((name) => versions.get(name)?.includes(candidate) === true),
        )
      return version === undefined
        ? []
        : [
            {
              release,
              image: `${prefix}${release}=${version}`,
              headers: [`${headers}=${version}`, `${common}=${version}`],
            },
          ]
    })
  const [newest, previous] = complete
  if (newest === undefined || previous === undefined)
    throw new Error(
      `apt offers ${String(complete.length)} kernel(s) ${series}* for ${architecture} with image and headers, the lab ` +
        `needs two: add the release's security suite to apt's sources and run apt-get update`,
    )
  return [newest, previous]
}

const queryKernels = async (): Promise<[TargetKernel, TargetKernel]> => {
  const { architecture } = await debianSources()
  await updateLists()
  const meta = await runOrThrow(['apt-cache', 'depends', `linux-image-${architecture}`])
  const series = /linux-image-(\d+\.\d+\.)/.exec(meta)?.[1]
  if (series === undefined)
    throw new Error(`apt does not know the package linux-image-${architecture}: run apt-get update`)
  const names = (await runOrThrow(['apt-cache', 'pkgnames', 'linux-image-']))
    .split('\n')
    .filter((name) => name.startsWith(`linux-image-${series}`))
    .flatMap((name) => {
      const release = name.slice('linux-image-'.length)
      return [name, `linux-headers-${release}`, `linux-headers-${release.replace(/[^-]*$/, 'common')}`]
    })
  const madison = await runOrThrow(['apt-cache', 'madison', ...new Set(names)])
  return chooseKernels(parseMadison(madison), series, architecture)
}

/** The chosen kernels with their packages; see `targetKernels`. */
export const targetKernelPackages = async (
  options: CacheOptions & { readonly fresh?: boolean } = {},
): Promise<readonly [TargetKernel, TargetKernel]> => {
  const root = options.cacheDir ?? cacheRoot()
  const file = join(root, 'images', 'kernels.json')
  await mkdir(join(root, 'images'), { recursive: true })
  return withLock(
    root,
    'kernels',
    options.signal === undefined ? {} : { signal: options.signal },
    async () => {
      if (options.fresh !== true && existsSync(file))
        return recordSchema.parse(JSON.parse(await readFile(file, 'utf8')))
      const chosen = await queryKernels()
      await writeFile(`${file}.new`, `${JSON.stringify(chosen, null, 2)}\n`)
      await rename(`${file}.new`, file)
      return chosen
    },
  )
}

/**
 * Releases of the two kernels the lab builds for and boots: the two newest of Debian's default series, newest first.
 * Chosen once and kept in the cache until `fresh`.
 */
export const targetKernels = async (
  options: CacheOptions & { readonly fresh?: boolean } = {},
): Promise<readonly [string, string]> => {
  const [newest, previous] = await targetKernelPackages(options)
  return [newest.release, previous.release]
}

const treeIn = (folder: string, release: string): KernelTree => {
  const merged = join(folder, 'usr', 'lib', 'modules', release)
  const modules = existsSync(merged) ? merged : join(folder, 'lib', 'modules', release)
  return { release, vmlinuz: join(folder, 'boot', `vmlinuz-${release}`), modules }
}

/**
 * The unpacked kernel of one of the target releases, from its package without installing it. Unpacking does not run
 * depmod, so it is run here with the program `depmod`. Rejects with CommandFailed.
 */
export const kernelTree = async (
  kernel: TargetKernel,
  depmod: string,
  options: CacheOptions = {},
): Promise<KernelTree> => {
  const root = options.cacheDir ?? cacheRoot()
  const key = `kernel-${kernel.image
    .replace('linux-image-', '')
    .replace('=', '_')
    .replaceAll(/[^\w.+-]/g, '-')}`
  const folder = join(root, 'images', key)
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  if (existsSync(folder)) return treeIn(folder, kernel.release)
  const line = (options.progress ?? silentProgress).start(`kernel ${kernel.release}`)
  try {
    line.say('waiting')
    await withLock(root, key, signal, async () => {
      if (existsSync(folder)) return
      await withScratch(root, key, async (scratch) => {
        line.say('unpacking its Debian package')
        const tree = join(scratch, 'tree')
        await unpackPackages([kernel.image], scratch, tree, options.signal)
        await rm(join(tree, 'usr', 'share'), { recursive: true, force: true })
        line.say('depmod')
        const base = treeIn(tree, kernel.release).modules.slice(0, -`/lib/modules/${kernel.release}`.length)
        await runOrThrow([depmod, '-b', base, kernel.release], signal)
        await publish(tree, folder)
      })
    })
  } catch (error) {
    line.fail(error instanceof Error ? error.message : String(error))
    throw error
  }
  line.done('image and modules unpacked')
  return treeIn(folder, kernel.release)
}
