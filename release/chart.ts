import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pinned, type ImagesLock } from '../api/imagesLock.ts'
import { run } from './run.ts'

/**
 * Packages the chart of a project as this version, its default images by the digests of the lock. Resolves with the
 * path of the package.
 */
export async function packageChart(
  helm: string,
  project: string,
  folder: string,
  release: { readonly version: string; readonly lock: ImagesLock },
): Promise<string> {
  const staged = await mkdtemp(join(tmpdir(), 'kmm-chart-'))
  try {
    const chart = join(staged, 'kmm-temporal')
    await cp(join(project, 'deploy/chart'), chart, { recursive: true })
    const values = join(chart, 'values.yaml')
    await writeFile(values, withDigests(await readFile(values, 'utf8'), release.lock))
    const { version } = release
    await run([helm, 'package', chart, '--version', version, '--app-version', version, '-d', folder])
    return join(folder, `kmm-temporal-${version}.tgz`)
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}

/** The text with each reference of the lock that stands there by its tag alone pinned. */
export function withDigests(text: string, { images }: ImagesLock): string {
  return images.reduce(
    (pinnedText, image) =>
      pinnedText.replaceAll(
        new RegExp(`(?<![\\w./-])${image.reference.replaceAll('.', String.raw`\.`)}(?![\\w.@-])`, 'gu'),
        () => pinned(image),
      ),
    text,
  )
}
