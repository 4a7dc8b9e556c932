import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pushImage } from '../../lab/images/pushImage.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { runOrThrow } from '../../lab/programs/exec.ts'

/** What a kmod image has beside its files: GNU's cp with its libraries, a busybox that is only cp, or nothing. */
export type Cp = 'gnu' | 'busybox' | 'none'

/**
 * Pushes an image that holds `cp` and what `fill` puts into its root, and nothing else: no shell, no mkdir. Made
 * without kaniko, in a second or two. Resolves with its reference by digest.
 */
export async function pushKmodImage(
  reference: string,
  cp: Cp,
  fill: (root: string) => Promise<unknown>,
): Promise<string> {
  const programs = ensurePrograms(['crane', 'busybox'])
  const root = await mkdtemp(join(tmpdir(), 'kmm-kmod-image-'))
  try {
    await fill(root)
    if (cp === 'gnu') await addGnuCp(root)
    if (cp === 'busybox') await add(root, await programs.path('busybox'), '/bin/cp')
    const crane = await programs.path('crane')
    const { digest } = await pushImage(root, reference, { crane, insecure: true })
    return `${reference.replace(/:[^:/]*$/, '')}@${digest}`
  } finally {
    await rm(root, { recursive: true })
  }
}

/** Writes the files of an image's root into a folder, which is made. */
export async function exportImage(reference: string, folder: string): Promise<void> {
  const crane = await ensurePrograms(['crane']).path('crane')
  const tar = `${folder}.tar`
  await runOrThrow([crane, 'export', '--insecure', reference, tar])
  await mkdir(folder, { recursive: true })
  await runOrThrow(['tar', '-xf', tar, '-C', folder])
  await rm(tar)
}

/** This machine's cp; ldd names what it is linked with. */
async function addGnuCp(root: string): Promise<void> {
  const version = await runOrThrow(['/bin/cp', '--version'])
  if (!version.includes('GNU coreutils')) throw new Error(`/bin/cp of this machine is not GNU's: ${version}`)
  await add(root, '/bin/cp', '/bin/cp')
  const libraries = (await runOrThrow(['ldd', '/bin/cp'])).matchAll(/\/[^ ]+/g)
  for (const [library] of libraries) await add(root, library, library)
}

async function add(root: string, from: string, to: string): Promise<void> {
  await mkdir(dirname(join(root, to)), { recursive: true })
  await copyFile(from, join(root, to))
}
