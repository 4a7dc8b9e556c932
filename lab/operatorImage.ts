import { existsSync } from 'node:fs'
import { cp, mkdir, rename, rm, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { buildInLab } from './buildInLab.ts'
import { openEgress } from './egress.ts'
import type { BuildingLab } from './lab.ts'
import { dockerfile, operatorImageOf } from './operatorImageCache.ts'
import { runOrThrow } from './programs/exec.ts'
import type { Progress } from './programs/progress.ts'
import { keepLatest, projectRoot } from './sources.ts'

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
    const crane = await lab.programs.path('crane')
    const base = (await runOrThrow([crane, 'digest', '--insecure', images.nodeBase])).trim()
    const { files, key, tar } = await operatorImageOf(base)
    const reference = `${registry}/kmm-temporal:${key}`
    if (existsSync(tar)) {
      await utimes(tar, new Date(), new Date())
      await runOrThrow([crane, 'push', '--insecure', tar, reference])
      line.done('from the cache')
      return reference
    }
    const context = join(lab.dir, 'operator-image')
    await rm(context, { recursive: true, force: true })
    for (const file of files) await cp(join(projectRoot, file), join(context, file), { recursive: true })
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
    await mkdir(dirname(tar), { recursive: true })
    await runOrThrow([crane, 'pull', '--insecure', reference, `${tar}.${process.pid}`])
    await rename(`${tar}.${process.pid}`, tar)
    await keepLatest(dirname(tar), /^operator-\w+\.tar$/, kept)
    line.done('built')
    return reference
  } catch (error) {
    line.fail('failed')
    throw error
  }
}
