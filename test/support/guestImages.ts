import { cp as copy, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { runOrThrow } from '../../lab/programs/exec.ts'
import { guestDirName, guestDockerfile } from './guestModules.ts'
import { type Cp, exportImage, pushKmodImage } from './kmodImages.ts'
import type { Scenario } from './scenario.ts'
import { dockerfile, scenarioLabel, tinyModule } from './tinyModule.ts'

/** References of images of the guest's modules. */
export interface GuestImages {
  /** All modules and firmware, as built. */
  readonly whole: string
  /** guest_base for another kernel only. */
  readonly elsewhere: string
  /** guest_base without an index. */
  readonly unindexed: string
  /** guest_base that says it is for another kernel, and has no symbol versions. */
  readonly foreign: string
  /** guest_user that needs a symbol nobody has. */
  readonly symbol: string
  /** guest_base, and no cp. */
  readonly bare: string
  /** Our dummy, with its tree at the root of the image. */
  readonly rooted: string
}

interface Part {
  readonly prefix: string
  readonly release: string
  readonly from: string
  readonly to: string
  readonly index: boolean
  readonly cp: Cp
}

/**
 * Builds the modules in the cluster, once, for a simulated node that runs the guest's kernel; the other images are
 * parts of that one.
 */
export async function makeGuestImages(story: Scenario, kernel: string): Promise<GuestImages> {
  const { lab, namespace } = story
  const { registry, images: bases } = lab.state
  await story.addNode(kernel, { [scenarioLabel]: namespace })
  const build = tinyModule({ namespace, name: 'parts', registry })
  await story.apply(dockerfile(namespace, 'parts', guestDockerfile(bases?.buildBase ?? '')), build)
  await story.untilLoaded('parts')
  const whole = `${registry}/${namespace}/parts:${kernel}`

  const depmod = await ensurePrograms(['depmod']).path('depmod')
  const folder = await mkdtemp(join(tmpdir(), 'kmm-guest-modules-'))
  const files = join(folder, 'image')
  await exportImage(whole, files)
  const built = join(files, guestDirName, 'lib/modules', kernel)
  /** An image of one of the modules, of which a text may be replaced by one as long. */
  const part = (name: string, file: string, change: Partial<Part> = {}) => {
    const {
      prefix = guestDirName,
      release = kernel,
      from = '',
      to = '',
      index = true,
      cp = 'busybox',
    } = change
    return pushKmodImage(`${registry}/${namespace}/${name}:1`, cp, async (root) => {
      await copy(join(files, 'firmware'), join(root, 'firmware'), { recursive: true })
      const tree = join(root, prefix, 'lib/modules', release)
      await mkdir(tree, { recursive: true })
      const text = await readFile(join(built, file), 'latin1')
      if (!text.includes(from) || from.length !== to.length) throw new Error(`${file} has no ${from}`)
      await writeFile(join(tree, file), text.replaceAll(from, to), 'latin1')
      if (index) await runOrThrow([depmod, '-b', join(root, prefix), release])
    })
  }
  const versioned = `${kernel} SMP preempt mod_unload modversions`
  const unversioned = `${'9.9.9'.padEnd(kernel.length, '9')} SMP preempt mod_unload`.padEnd(versioned.length)
  const [elsewhere, unindexed, foreign, symbol, bare, rooted] = await Promise.all([
    part('elsewhere', 'guest_base.ko', { release: `${kernel}-other` }),
    part('unindexed', 'guest_base.ko', { index: false }),
    // Without symbol versions the kernel compares the release, and so does the loader.
    part('foreign', 'guest_base.ko', { from: versioned, to: unversioned }),
    part('symbol', 'guest_user.ko', { from: 'guest_base_value', to: 'guest_lost_value' }),
    part('bare', 'guest_base.ko', { cp: 'none' }),
    part('rooted', 'dummy.ko', { prefix: '/' }),
  ])
  await rm(folder, { recursive: true })
  return { whole, elsewhere, unindexed, foreign, symbol, bare, rooted }
}
