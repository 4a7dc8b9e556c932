import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { run } from './run.ts'

/** A package that Debian's package manager has installed in an image. */
export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

/** What is in an image. */
export interface ImageContents {
  /** As Kubernetes names it. */
  readonly architecture: string
  readonly labels: Readonly<Record<string, string>>
  readonly debian: readonly DebianPackage[]
  /** NODE_VERSION of its environment, which Node's own images set. */
  readonly node: string | undefined
  /** Whether it has a folder; the path is below the root of the image. */
  has(folder: string): boolean
}

const manifestSchema = z.tuple([z.object({ Config: z.string(), Layers: z.array(z.string()).min(1) })])
const configSchema = z.object({
  architecture: z.string(),
  config: z.object({
    Env: z.array(z.string()).nullish(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
})
const packageDatabase = 'var/lib/dpkg/status'

/** Reads a tar as `docker save`, `podman save` and `crane pull` write it. Throws for any other file. */
export async function readImageTar(file: string): Promise<ImageContents> {
  const folder = await mkdtemp(join(tmpdir(), 'kmm-image-tar-'))
  try {
    await run(['tar', '-xf', file, '-C', folder])
    const json = async (name: string): Promise<unknown> =>
      JSON.parse(await readFile(join(folder, name), 'utf8'))
    const [{ Config, Layers }] = manifestSchema.parse(await json('manifest.json'))
    const { architecture, config } = configSchema.parse(await json(Config))
    const paths = new Set<string>()
    let packages = ''
    for (const layer of Layers.map((name) => join(folder, name))) {
      const entries = (await run(['tar', '-tf', layer])).split('\n')
      for (const entry of entries) paths.add(entry.replace(/^\.?\//u, '').replace(/\/$/u, ''))
      const database = entries.find((entry) => entry.endsWith(packageDatabase))
      if (database !== undefined) packages = await run(['tar', '-xOf', layer, database])
    }
    const node = config.Env?.find((variable) => variable.startsWith('NODE_VERSION='))
    return {
      architecture,
      labels: config.Labels ?? {},
      debian: installedPackages(packages),
      node: node?.slice('NODE_VERSION='.length),
      has: (path) => paths.has(path),
    }
  } catch (error) {
    throw new Error(`${file} is not an image as docker save writes it`, { cause: error })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function installedPackages(status: string): readonly DebianPackage[] {
  return status.split('\n\n').flatMap((paragraph) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'mu').exec(paragraph)?.[1] ?? ''
    const name = field('Package')
    if (name === '' || field('Status') !== 'install ok installed') return []
    return [{ name, version: field('Version'), architecture: field('Architecture') }]
  })
}
