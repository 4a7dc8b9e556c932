import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { pinned, type ImagesLock } from '../api/imagesLock.ts'
import type { Builder } from './builders.ts'
import { type ImageContents, readImageTar } from './imageTar.ts'
import { architectures } from './lockImages.ts'

/** What a release is made of. */
export interface Revision {
  readonly project: string
  readonly version: string
  /** The commit. */
  readonly revision: string
  readonly lock: ImagesLock
}

/** An image of the release. */
export interface ReleasedImage {
  readonly file: string
  readonly contents: ImageContents
}

/**
 * Puts the image of each architecture into a folder: the given tar, else built where the builder can. Reports what is
 * left out. Throws for a tar of another version or commit, and when a build fails.
 */
export async function collectImages(
  release: Revision,
  folder: string,
  options: {
    readonly tars: readonly string[]
    readonly builder: Builder | undefined
    readonly report: (line: string) => void
  },
): Promise<readonly ReleasedImage[]> {
  const { builder, report } = options
  const given = await Promise.all(
    options.tars.map(async (tar) => ({ tar, ...(await readOwn(release, tar)) })),
  )
  const images: ReleasedImage[] = []
  for (const architecture of architectures) {
    const file = join(folder, `kmm-temporal-${release.version}-linux-${architecture}.tar`)
    const own = given.find(({ contents }) => contents.architecture === architecture)
    if (own !== undefined) await copyFile(own.tar, file)
    else if (builder?.architectures.includes(architecture) === true) {
      report(`image for ${architecture}: building with ${builder.name}`)
      const { project } = release
      const name = `localhost/kmm-temporal:${release.version}`
      await builder.build({ project, architecture, name, buildArgs: await buildArgs(release), file })
    } else {
      const why =
        builder === undefined
          ? 'nothing builds it here (docker buildx, podman or buildah would)'
          : `${builder.name} cannot run programs for it here`
      report(`image for ${architecture}: left out, ${why}; give it with --image-tar FILE`)
      continue
    }
    images.push({ file, contents: own?.contents ?? (await readOwn(release, file)).contents })
  }
  return images
}

async function buildArgs({ project, version, revision, lock }: Revision): Promise<Record<string, string>> {
  const base = lock.images.find(({ use }) => use === 'base')
  const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as unknown
  const source = z.object({ repository: z.string().optional() }).parse(manifest).repository
  return {
    ...(base === undefined ? {} : { BASE: pinned(base) }),
    VERSION: version,
    REVISION: revision,
    ...(source === undefined ? {} : { SOURCE: source }),
  }
}

async function readOwn(
  { version, revision }: Revision,
  tar: string,
): Promise<{ readonly contents: ImageContents }> {
  const contents = await readImageTar(tar)
  const label = (name: string) => contents.labels[`org.opencontainers.image.${name}`] ?? ''
  if (label('version') !== version || label('revision') !== revision)
    throw new Error(
      `${tar} is an image of version "${label('version')}" and revision "${label('revision')}": ` +
        `build it with --build-arg VERSION=${version} --build-arg REVISION=${revision}`,
    )
  return { contents }
}
