import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheRoot, publish, withScratch } from '../programs/cache.ts'
import { CommandFailed, endingWithUs, run, runOrThrow } from '../programs/exec.ts'
import { withLock } from '../programs/lock.ts'
import { silentProgress } from '../programs/progress.ts'
import { debianCodename, debianSources } from './debianSources.ts'
import type { CacheOptions } from './kernels.ts'

/** How a root filesystem is made. Everything that changes the result belongs to `key`, which names it in the cache. */
export interface RootfsRecipe {
  readonly name: string
  /** Part of the cache key, beside the recipe's own fields: versions, hashes of files that go in. */
  readonly key: readonly string[]
  /** What debootstrap puts in; `none` for a root filesystem that `finish` fills by itself. */
  readonly base:
    | { readonly kind: 'debootstrap'; readonly packages: readonly string[] }
    | { readonly kind: 'none' }
  /** Completes the tree; `scratch` is a folder for temporary files. */
  readonly finish?: (tree: string, scratch: string) => Promise<void>
}

/** Raised when the way trees are made changes, so that older tars are not used any more. */
const format = 1

const recipeHash = (recipe: RootfsRecipe, codename: string): string =>
  createHash('sha256')
    .update(JSON.stringify([format, codename, recipe.name, recipe.key, recipe.base]))
    .digest('hex')
    .slice(0, 12)

/**
 * Runs debootstrap in namespaces of its own: its mounts and its children disappear with it, also after kill -9. Packages
 * come from the machine's archive and are kept for the next image. Rejects with CommandFailed.
 */
const debootstrap = async (
  program: string,
  packages: readonly string[],
  tree: string,
  archives: string,
  options: { readonly signal?: AbortSignal; readonly onLine: (line: string) => void },
): Promise<void> => {
  const { codename, mirror, env } = await debianSources()
  await mkdir(archives, { recursive: true })
  const include = packages.length === 0 ? [] : [`--include=${packages.join(',')}`]
  const argv = [
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    program,
    '--variant=minbase',
    `--cache-dir=${archives}`,
    ...include,
    codename,
    tree,
    mirror,
  ] as const
  // unshare ignores SIGTERM while it waits for its child.
  const result = await run(endingWithUs(argv), { env, killSignal: 'SIGKILL', ...options })
  options.signal?.throwIfAborted()
  if (result.code !== 0) throw new CommandFailed(argv, result)
}

/** Removes what only takes space in an image, and what a container runtime supplies itself. */
const slim = async (tree: string): Promise<void> => {
  for (const path of [
    'var/cache/apt',
    'var/lib/apt/lists',
    'var/log',
    'usr/share/doc',
    'usr/share/man',
    'usr/share/locale',
    'debootstrap',
  ])
    await rm(join(tree, path), { recursive: true, force: true })
  for (const path of ['var/cache/apt/archives/partial', 'var/lib/apt/lists/partial', 'var/log'])
    await mkdir(join(tree, path), { recursive: true })
}

/** Packs a tree so that equal trees give equal bytes. Devices are left to the container runtime. */
export const packTree = async (tree: string, file: string, signal?: AbortSignal): Promise<void> => {
  await runOrThrow(
    [
      'tar',
      '--sort=name',
      '--mtime=@0',
      '--numeric-owner',
      '--exclude=./dev/*',
      '--exclude=./proc/*',
      '--exclude=./sys/*',
      '-C',
      tree,
      '-cf',
      file,
      '.',
    ],
    signal === undefined ? {} : { signal },
  )
}

/**
 * The tar of a root filesystem, made once per recipe and kept in the cache as `images/<name>-<hash>.tar`. Needs root for
 * debootstrap. `program` is the path of debootstrap. Rejects with CommandFailed, whose tail holds the last lines.
 */
export const ensureRootfs = async (
  recipe: RootfsRecipe,
  program: () => Promise<string>,
  options: CacheOptions = {},
): Promise<string> => {
  const root = options.cacheDir ?? cacheRoot()
  const codename = recipe.base.kind === 'none' ? '' : await debianCodename()
  const key = `${recipe.name}-${recipeHash(recipe, codename)}`
  const tar = join(root, 'images', `${key}.tar`)
  if (existsSync(tar)) return tar
  if (recipe.base.kind === 'debootstrap' && process.getuid?.() !== 0)
    throw new Error(
      `the base image ${recipe.name} is made with debootstrap, which needs root: run the lab as root`,
    )
  await mkdir(join(root, 'images'), { recursive: true })
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const line = (options.progress ?? silentProgress).start(`base image ${recipe.name}`)
  try {
    line.say('waiting')
    await withLock(root, key, signal, async () => {
      if (existsSync(tar)) return
      await withScratch(root, key, async (scratch) => {
        const tree = join(scratch, 'tree')
        await mkdir(tree)
        await chmod(tree, 0o755)
        if (recipe.base.kind === 'debootstrap') {
          line.say('debootstrap')
          const archives = join(root, 'archives', recipe.name)
          await debootstrap(await program(), recipe.base.packages, tree, archives, {
            ...signal,
            onLine: (text) => line.say('debootstrap', text.replace(/^I: /, '').slice(0, 60)),
          })
        }
        line.say('completing')
        await recipe.finish?.(tree, scratch)
        await slim(tree)
        line.say('packing')
        await packTree(tree, join(scratch, 'image.tar'), options.signal)
        await publish(join(scratch, 'image.tar'), tar)
      })
    })
  } catch (error) {
    line.fail(error instanceof Error ? error.message : String(error))
    throw error
  }
  line.done('made')
  return tar
}
