import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { endingWithUs, runOrThrow } from '../programs/exec.ts'

/** The script that imports archives with the containerd of a root filesystem. */
export const preloadScript = join(import.meta.dirname, 'preload.sh')

/** A root filesystem that `pushImage` makes an image of, its one layer; or a whole image, as `crane pull` writes it. */
export interface PreloadedImage {
  readonly kind: 'layer' | 'image'
  readonly name: string
  readonly tar: string
}

/**
 * Puts images into the containerd of the root filesystem `tree`, unpacked. Images that are built on one of them then
 * come without its layer: containerd knows a layer by the digest of its tar. `crane` is a path; `scratch` a folder for
 * temporary files. Needs root. Rejects with CommandFailed.
 */
export async function preloadImages(
  tree: string,
  images: readonly PreloadedImage[],
  options: { readonly crane: string; readonly scratch: string; readonly signal?: AbortSignal },
): Promise<void> {
  const { crane, scratch, signal } = options
  const running = signal === undefined ? {} : { signal }
  const archives = join(scratch, 'archives')
  await mkdir(archives)
  for (const { kind, name, tar } of images) {
    const archive = join(archives, `${name}.tar`)
    if (kind === 'image') await copyFile(tar, archive)
    else
      await runOrThrow(
        [crane, 'append', '-f', tar, '-t', `kmm-lab/${name}:preloaded`, '-o', archive],
        running,
      )
  }
  const import_ = ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', preloadScript] as const
  // unshare ignores SIGTERM while it waits for its child.
  await runOrThrow(endingWithUs([...import_, tree, archives]), { killSignal: 'SIGKILL', ...running })
}
