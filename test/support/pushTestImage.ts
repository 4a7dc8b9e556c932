import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { execFileSync } from 'node:child_process'
import type { PrivateRegistry } from './privateRegistry.ts'

const types = {
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
} as const

/** As Kubernetes names it; simulated nodes have it as well. */
export const hostArchitecture = process.arch === 'arm64' ? 'arm64' : 'amd64'

/**
 * Pushes an image that holds one file with `text` and nothing to run, as `REPOSITORY:TAG`: one image for one
 * architecture, an index for several. Resolves with its digest.
 */
export async function pushTestImage(
  registry: Pick<PrivateRegistry, 'url' | 'authorization' | 'dispatcher'>,
  image: {
    readonly repository: string
    readonly tag: string
    /** This machine's, when left out. */
    readonly architectures?: readonly string[]
    readonly text?: string
  },
): Promise<string> {
  const { repository, tag, architectures = [hostArchitecture], text = repository } = image
  const layer = layerOf(text)
  const put = async (what: string, type: string, body: Buffer): Promise<object> => {
    const digest = digestOf(body)
    if (what === 'blob') await putBlob(registry, repository, digest, body)
    else await send(registry, 'PUT', `/v2/${repository}/manifests/${what}`, type, body)
    return { mediaType: type, digest, size: body.length }
  }
  const [only, ...others] = architectures
  const images = []
  for (const architecture of architectures) {
    const rootfs = { type: 'layers', diff_ids: [digestOf(layer)] }
    const manifest = json({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: await put('blob', types.config, json({ architecture, os: 'linux', rootfs, config: {} })),
      layers: [await put('blob', types.layer, layer)],
    })
    const single = architecture === only && others.length === 0
    const descriptor = await put(single ? tag : digestOf(manifest), types.manifest, manifest)
    if (single) return digestOf(manifest)
    images.push({ ...descriptor, platform: { architecture, os: 'linux' } })
  }
  const index = json({ schemaVersion: 2, mediaType: types.index, manifests: images })
  await put(tag, types.index, index)
  return digestOf(index)
}

function layerOf(text: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'kmm-test-image-'))
  try {
    writeFileSync(join(folder, 'text'), text)
    return execFileSync('tar', ['--mtime=@0', '-C', folder, '-c', 'text'])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function putBlob(
  registry: Pick<PrivateRegistry, 'url' | 'authorization' | 'dispatcher'>,
  repository: string,
  digest: string,
  body: Buffer,
): Promise<void> {
  const empty = Buffer.alloc(0)
  const location = await send(registry, 'POST', `/v2/${repository}/blobs/uploads/`, 'text/plain', empty)
  const upload = new URL(location, registry.url)
  upload.searchParams.set('digest', digest)
  await send(registry, 'PUT', upload.href, 'application/octet-stream', body)
}

async function send(
  { url, authorization, dispatcher }: Pick<PrivateRegistry, 'url' | 'authorization' | 'dispatcher'>,
  method: 'POST' | 'PUT',
  path: string,
  type: string,
  body: Buffer,
): Promise<string> {
  const answer = await request(new URL(path, url), {
    method,
    body,
    headers: { 'content-type': type, ...(authorization === undefined ? {} : { authorization }) },
    ...(dispatcher === undefined ? {} : { dispatcher }),
  })
  const said = await answer.body.text()
  if (answer.statusCode !== 201 && answer.statusCode !== 202)
    throw new Error(`${url} answers ${answer.statusCode} to ${method} ${path}: ${said}`)
  return String(answer.headers['location'])
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
