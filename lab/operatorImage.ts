import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { buildInLab } from './buildInLab.ts'
import { openEgress } from './egress.ts'
import type { BuildingLab } from './lab.ts'
import { cacheRoot } from './programs/cache.ts'
import { runOrThrow } from './programs/exec.ts'
import type { Progress } from './programs/progress.ts'

const root = join(import.meta.dirname, '..')
/** What deploy/Dockerfile copies. */
const sources = [
  'package.json',
  'package-lock.json',
  'api',
  'workflows',
  'activities',
  'worker',
  'loader',
  'cli',
]
const dockerfile = join('deploy', 'Dockerfile')
const prune = join('deploy', 'prune.sh')

/** So many of these images, the last used ones, stay in the cache: each change of a source makes one of 120 MB. */
const kept = 5

/**
 * The image of this project in the lab's registry, made from deploy/Dockerfile by kaniko on the build node. Made once
 * for the same sources: kept as a tar in the cache and pushed from there. Throws with the last lines of the build.
 */
export async function operatorImage(
  lab: BuildingLab,
  options: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<string> {
  const { images, registry, address } = lab.state
  if (images === null) throw new Error('the image of the operator needs a lab with real nodes')
  const line = options.progress.start('operator image')
  try {
    line.say('looking')
    const files = await sourceFiles()
    const reference = `${registry}/kmm-temporal:${await contentHash([...files, dockerfile, prune], lab)}`
    const cache = join(cacheRoot(), 'images')
    const tar = join(cache, `operator-${reference.split(':').at(-1) ?? ''}.tar`)
    const crane = await lab.programs.path('crane')
    if (existsSync(tar)) {
      await utimes(tar, new Date(), new Date())
      await runOrThrow([crane, 'push', '--insecure', tar, reference])
      line.done('from the cache')
      return reference
    }
    const context = join(lab.dir, 'operator-image')
    await rm(context, { recursive: true, force: true })
    for (const file of [...files, dockerfile, prune])
      await cp(join(root, file), join(context, file), { recursive: true })
    const npm = new URL((await runOrThrow(['npm', 'config', 'get', 'registry'])).trim())
    const egress = await openEgress(address, npm.hostname, Number(npm.port || 443))
    try {
      await buildInLab(lab, {
        name: 'operator-image',
        context,
        dockerfile,
        destination: reference,
        buildArgs: { BASE: images.nodeBase, NPM_CONFIG_REGISTRY: npm.href, HTTPS_PROXY: egress.url },
        signal: options.signal,
        say: (text) => line.say('building', text),
      })
    } finally {
      await egress.close()
    }
    line.say('keeping it')
    await mkdir(cache, { recursive: true })
    await runOrThrow([crane, 'pull', '--insecure', reference, `${tar}.${process.pid}`])
    await rename(`${tar}.${process.pid}`, tar)
    await keepLatest(cache, kept)
    line.done('built')
    return reference
  } catch (error) {
    line.fail('failed')
    throw error
  }
}

/** Removes all operator images in the folder but the `count` last used. */
export async function keepLatest(folder: string, count: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^operator-\w+\.tar$/.test(name))
  const aged = await Promise.all(
    names.map(async (name) => {
      const file = join(folder, name)
      return { file, usedAt: (await stat(file)).mtimeMs }
    }),
  )
  const old = aged.toSorted((a, b) => b.usedAt - a.usedAt).slice(count)
  for (const { file } of old) await rm(file, { force: true })
}

/** Files of the project that go into the image, by path below its root, sorted. */
async function sourceFiles(): Promise<string[]> {
  const found: string[] = []
  for (const source of sources) {
    if (source.includes('.')) found.push(source)
    else
      for (const entry of await readdir(join(root, source), { recursive: true, withFileTypes: true })) {
        const path = relative(root, join(entry.parentPath, entry.name))
        if (entry.isFile() && !isForTests(path)) found.push(path)
      }
  }
  return found.sort()
}

function isForTests(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/testing/') || /\/test[A-Z]\w*\.ts$/.test(path)
}

/** 12 digits over the sources and the base they are put on. */
async function contentHash(files: readonly string[], lab: BuildingLab): Promise<string> {
  const hash = createHash('sha256')
  const crane = await lab.programs.path('crane')
  const base = await runOrThrow([crane, 'digest', '--insecure', lab.state.images?.nodeBase ?? ''])
  hash.update(base)
  for (const file of files) hash.update(`${file}\0`).update(await readFile(join(root, file)))
  return hash.digest('hex').slice(0, 12)
}
