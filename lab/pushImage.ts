import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { request } from 'undici'
import type { ProgramPaths } from './programPaths.ts'
import { run } from './run.ts'

/** An image of one layer, made from files of this machine. */
export interface SmallImage {
  /** HOST:PORT/NAME:TAG in a plain HTTP registry. */
  readonly reference: string
  /** Path in the image to file on this machine. */
  readonly files: Readonly<Record<string, string>>
  /** Empty folders, such as /tmp. */
  readonly folders?: readonly string[]
  readonly entrypoint: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly workingDirectory?: string
}

/** Makes the image and pushes it, unless the registry has the tag. Needs crane and tar. */
export async function pushImage(programs: ProgramPaths, image: SmallImage): Promise<void> {
  if (await hasImage(image.reference)) return
  const work = await mkdtemp(join(tmpdir(), 'kmm-image-'))
  try {
    const root = join(work, 'root')
    await mkdir(root)
    for (const folder of image.folders ?? []) await mkdir(join(root, folder), { recursive: true })
    for (const [path, file] of Object.entries(image.files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await cp(file, join(root, path), { dereference: true })
    }
    const layer = join(work, 'layer.tar')
    const reproducible = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0']
    await run(['tar', ...reproducible, '-cf', layer, '-C', root, '.'])
    const crane = await programs.path('crane')
    const untagged = image.reference.replace(/:[^:/]+$/, ':layer')
    await run([crane, 'append', '--insecure', '--new_layer', layer, '--new_tag', untagged])
    await run([
      crane,
      'mutate',
      '--insecure',
      untagged,
      '--tag',
      image.reference,
      '--set-platform',
      `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`,
      '--entrypoint',
      image.entrypoint.join(','),
      ...Object.entries(image.env ?? {}).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...(image.workingDirectory === undefined ? [] : ['--workdir', image.workingDirectory]),
    ])
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Whether a plain HTTP registry has a manifest under this HOST:PORT/NAME:TAG. Throws when it does not answer. */
export async function hasImage(reference: string): Promise<boolean> {
  const parsed = /^([^/]+)\/(.+):([^:/]+)$/.exec(reference)
  if (parsed === null) throw new Error(`image reference ${reference}: HOST:PORT/NAME:TAG is expected`)
  const [, host, name, tag] = parsed
  const accept = [
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
  ]
  const { statusCode, body } = await request(`http://${host}/v2/${name}/manifests/${tag}`, {
    method: 'HEAD',
    headers: { accept: accept.join(', ') },
  })
  await body.dump()
  if (statusCode === 200) return true
  if (statusCode === 404) return false
  throw new Error(`the registry answers ${statusCode} to a look for ${reference}`)
}
