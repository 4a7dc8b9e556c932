import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { compressed, pushImage } from '../../lab/images/pushImage.ts'
import { ensureRootfs } from '../../lab/images/rootfs.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'

/** Images of the embedded Temporal in a lab's registry. */
export interface TemporalImages {
  readonly image: string
  readonly uiImage: string
}

/**
 * Images laid out as far as the chart needs it like Temporal's own, with the programs that the lab compiles: the official
 * images cannot be pulled where only package registries are reachable.
 */
export async function pushTemporalImages(registry: string): Promise<TemporalImages> {
  const programs = ensurePrograms(['crane', 'temporal-server', 'temporal-ui-server', 'debootstrap'])
  const [crane, server, ui] = await Promise.all([
    programs.path('crane'),
    programs.path('temporal-server'),
    programs.path('temporal-ui-server'),
  ])
  const push = async (name: string, file: string, path: string): Promise<string> => {
    const tar = await ensureRootfs(
      {
        name,
        key: [
          createHash('sha256')
            .update(await readFile(file))
            .digest('hex'),
        ],
        base: { kind: 'none' },
        finish: async (tree) => {
          await mkdir(dirname(join(tree, path)), { recursive: true })
          await copyFile(file, join(tree, path))
        },
      },
      () => programs.path('debootstrap'),
    )
    const options = { crane, insecure: true, config: { entrypoint: [`/${path}`], user: '1000:1000' } }
    return (await pushImage(await compressed(tar), `${registry}/temporalio/${name}:lab`, options)).reference
  }
  const [image, uiImage] = await Promise.all([
    push('server', server, 'usr/local/bin/temporal-server'),
    push('ui', ui, 'home/ui-server/ui-server'),
  ])
  return { image, uiImage }
}
