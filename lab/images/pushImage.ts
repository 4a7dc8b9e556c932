import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { run, runOrThrow } from '../programs/exec.ts'
import { withLock } from '../programs/lock.ts'
import { packTree } from './rootfs.ts'

/** What a container made from the image runs, as in an image's configuration. */
export interface ImageConfig {
  readonly entrypoint?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly workdir?: string
  readonly user?: string
}

/** Options of `pushImage`. */
export interface PushOptions {
  /** Path of crane. */
  readonly crane: string
  /** The registry speaks plain HTTP. */
  readonly insecure?: boolean
  readonly config?: ImageConfig
  readonly signal?: AbortSignal
}

/** A pushed image; `digest` is `sha256:...` of its manifest. */
export interface PushedImage {
  readonly reference: string
  readonly digest: string
}

/** Digests by what they are of: the tar and its configuration. */
const recordSchema = z.record(z.string(), z.string())
type PushRecord = z.infer<typeof recordSchema>

const recordFileOf = (tar: string): string => `${tar}.pushed.json`

const readRecord = async (file: string): Promise<PushRecord> => {
  try {
    return recordSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    return {}
  }
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

const mutations = (config: ImageConfig): readonly string[] => [
  `--set-platform=linux/${architectures[process.arch] ?? process.arch}`,
  ...(config.entrypoint === undefined ? [] : [`--entrypoint=${config.entrypoint.map(csvField).join(',')}`]),
  ...Object.entries(config.env ?? {}).map(([name, value]) => `--env=${name}=${value}`),
  ...(config.workdir === undefined ? [] : [`--workdir=${config.workdir}`]),
  ...(config.user === undefined ? [] : [`--user=${config.user}`]),
]

/** crane reads lists as one CSV line. */
const csvField = (value: string): string =>
  /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value

const contentOf = async (tar: string, config: ImageConfig): Promise<string> => {
  const { size, mtimeMs } = await stat(tar)
  return JSON.stringify([size, mtimeMs, mutations(config)])
}

/** The digest of the image that `pushImage` makes of a tar, once it has made it somewhere. */
export const knownDigest = async (tar: string, config: ImageConfig = {}): Promise<string | undefined> =>
  (await readRecord(recordFileOf(tar)))[await contentOf(tar, config)]

/**
 * The tar, compressed; made once and kept beside it. crane sends such a layer as it is, and would compress a plain one
 * anew for each registry.
 */
export const compressed = async (tar: string): Promise<string> => {
  const file = `${tar}.gz`
  if (existsSync(file)) return file
  await withLock(dirname(file), basename(file), {}, async () => {
    if (existsSync(file)) return
    const draft = `${file}.${process.pid}`
    await runOrThrow(['sh', '-c', 'gzip -1nc "$0" >"$1"', tar, draft])
    await rename(draft, file)
  })
  return file
}

/**
 * Pushes a root filesystem (a tar, compressed or not, or a folder that is packed first) as an image of one layer under
 * `reference`. When the registry still has what is made of the same tar with the same configuration, nothing is sent:
 * digests are recorded beside the tar. Rejects with CommandFailed.
 */
export const pushImage = async (
  source: string,
  reference: string,
  options: PushOptions,
): Promise<PushedImage> => {
  const { crane, signal } = options
  const global = options.insecure === true ? ['--insecure'] : []
  const running = signal === undefined ? {} : { signal }
  if ((await stat(source)).isDirectory()) {
    const folder = await mkdtemp(join(tmpdir(), 'kmm-image-'))
    try {
      await packTree(source, join(folder, 'image.tar'), signal)
      return await pushImage(join(folder, 'image.tar'), reference, options)
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  const config = options.config ?? {}
  const known = await knownDigest(source, config)
  if (known !== undefined) {
    const there = await run([crane, 'digest', ...global, reference], running)
    if (there.code === 0 && there.stdout.trim() === known) return { reference, digest: known }
  }
  await runOrThrow([crane, 'append', ...global, '-f', source, '-t', reference], running)
  await runOrThrow([crane, 'mutate', ...global, reference, ...mutations(config), '-t', reference], running)
  const digest = (await runOrThrow([crane, 'digest', ...global, reference], running)).trim()
  const recordFile = recordFileOf(source)
  const record = { ...(await readRecord(recordFile)), [await contentOf(source, config)]: digest }
  const draft = `${recordFile}.${String(process.pid)}`
  await writeFile(draft, `${JSON.stringify(record, null, 2)}\n`)
  await rename(draft, recordFile)
  return { reference, digest }
}
