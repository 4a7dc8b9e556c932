import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { run, runOrThrow } from '../programs/exec.ts'
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

const recordSchema = z.record(z.string(), z.object({ content: z.string(), digest: z.string() }))
type PushRecord = z.infer<typeof recordSchema>

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

/**
 * Pushes a root filesystem (a tar, or a folder that is packed first) as an image of one layer under `reference`. When the
 * registry still has what was pushed there from the same tar with the same configuration, nothing is sent: digests are
 * recorded beside the tar. Rejects with CommandFailed.
 */
export const pushImage = async (
  source: string,
  reference: string,
  options: PushOptions,
): Promise<PushedImage> => {
  const { crane, signal } = options
  const global = options.insecure === true ? ['--insecure'] : []
  const running = signal === undefined ? {} : { signal }
  const facts = await stat(source)
  if (facts.isDirectory()) {
    const folder = await mkdtemp(join(tmpdir(), 'kmm-image-'))
    try {
      await packTree(source, join(folder, 'image.tar'), signal)
      return await pushImage(join(folder, 'image.tar'), reference, options)
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  const wanted = mutations(options.config ?? {})
  const content = JSON.stringify([facts.size, facts.mtimeMs, wanted])
  const recordFile = `${source}.pushed.json`
  const before = (await readRecord(recordFile))[reference]
  if (before?.content === content) {
    const there = await run([crane, 'digest', ...global, reference], running)
    if (there.code === 0 && there.stdout.trim() === before.digest) return { reference, digest: before.digest }
  }
  await runOrThrow([crane, 'append', ...global, '-f', source, '-t', reference], running)
  await runOrThrow([crane, 'mutate', ...global, reference, ...wanted, '-t', reference], running)
  const digest = (await runOrThrow([crane, 'digest', ...global, reference], running)).trim()
  const record = { ...(await readRecord(recordFile)), [reference]: { content, digest } }
  const draft = `${recordFile}.${String(process.pid)}`
  await writeFile(draft, `${JSON.stringify(record, null, 2)}\n`)
  await rename(draft, recordFile)
  return { reference, digest }
}
