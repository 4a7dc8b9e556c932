import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { packPlugin } from '../cli/npm/packPlugin.ts'
import type { Builder } from './builders.ts'
import { packageChart } from './chart.ts'
import { refusals } from './checks.ts'
import { collectImages, type Revision } from './images.ts'
import { readLock, unlocked } from './imagesLock.ts'
import { krewManifest, packForKrew } from './krew.ts'
import { run } from './run.ts'
import { createSbom } from './sbom.ts'

/** What to release, and with what. */
export interface ReleaseOptions {
  readonly project: string
  readonly version: string
  /** The folder to make; it must not exist or be empty. */
  readonly out: string
  /** Images without a digest in the lock are allowed: a release for tests. */
  readonly allowUnlocked: boolean
  /** Images that were built elsewhere. */
  readonly imageTars: readonly string[]
  readonly builder: Builder | undefined
  /** Path of helm. */
  readonly helm: () => Promise<string>
  /** Where the files will be downloaded from, without the name of the file; empty: nowhere yet. */
  readonly url: string
  readonly report: (line: string) => void
}

/** Thrown with everything that stands in the way of a release. */
export class ReleaseRefused extends Error {
  override readonly name = 'ReleaseRefused'
}

/** Makes all files of a release; the folder appears when they are complete. Throws ReleaseRefused. */
export async function release(options: ReleaseOptions): Promise<void> {
  const { project, version, out, allowUnlocked, report } = options
  const reasons = [...(await refusals(project, version, { allowUnlocked })), ...(await occupied(out))]
  if (reasons.length > 0) throw new ReleaseRefused(reasons.join('\n'))
  const git = async (...line: string[]) => (await run(['git', ...line], { cwd: project })).trim()
  const lock = await readLock(project)
  const source: Revision = { project, version, revision: await git('rev-parse', 'HEAD'), lock }
  const time = new Date(Number(await git('log', '-1', '--format=%ct')) * 1000)
  await mkdir(dirname(out), { recursive: true })
  const folder = await mkdtemp(`${out}.partial-`)
  try {
    await writeFiles(options, source, { folder, time })
    const open = unlocked(lock)
    if (open.length > 0) {
      const names = open.map(({ reference }) => reference).join('\n')
      await writeFile(
        join(folder, 'TEST-RELEASE.txt'),
        `Not for publication: the digests of these images are not locked.\n${names}\n`,
      )
    }
    await writeChecksums(folder)
    // A scratch folder is for its owner alone.
    await chmod(folder, 0o755)
    await rmdir(out).catch(ifAbsent)
    await rename(folder, out)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  report(`release ${version} is in ${out}`)
}

async function writeFiles(
  { imageTars, builder, helm, url, report }: ReleaseOptions,
  source: Revision,
  { folder, time }: { readonly folder: string; readonly time: Date },
): Promise<void> {
  const { project, version, lock } = source
  // First, because here a release fails most.
  const images = await collectImages(source, folder, { tars: imageTars, builder, report })
  await packageChart(await helm(), project, folder, { version, lock })
  // The chart's package has the same name.
  const npmPackage = join(folder, `kubectl-kmod-${version}-npm.tgz`)
  const staged = await mkdtemp(join(folder, 'npm-'))
  await rename(await packPlugin(staged), npmPackage)
  await rmdir(staged)
  const archive = join(folder, `kubectl-kmod-${version}.tar.gz`)
  await packForKrew(project, npmPackage, archive, time)
  const uri = url === '' ? basename(archive) : `${url.replace(/\/$/u, '')}/${basename(archive)}`
  await writeFile(join(folder, 'kmod.yaml'), await krewManifest(archive, uri, version))
  if (url === '') report('krew manifest: without --url it serves "krew install --manifest --archive" only')
  const sboms = images.map(({ file, contents }) => ({ file: file.replace(/\.tar$/u, ''), contents }))
  for (const { file, contents } of sboms.length > 0
    ? sboms
    : [{ file: join(folder, `kmm-temporal-${version}`), contents: undefined }])
    await writeFile(
      `${file}.spdx.json`,
      `${JSON.stringify(await createSbom(project, time, contents), null, 2)}\n`,
    )
}

/** In the form that `sha256sum --check` reads. */
async function writeChecksums(folder: string): Promise<void> {
  const lines: string[] = []
  for (const name of (await readdir(folder)).toSorted()) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(join(folder, name)), hash)
    lines.push(`${hash.digest('hex')}  ${name}\n`)
  }
  await writeFile(join(folder, 'SHA256SUMS'), lines.join(''))
}

async function occupied(out: string): Promise<readonly string[]> {
  const names = await readdir(out).catch(ifAbsent)
  return names === undefined || names.length === 0
    ? []
    : [`${out} is not empty: remove it, or give another --out`]
}

function ifAbsent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
