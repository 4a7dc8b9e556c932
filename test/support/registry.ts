import { z } from 'zod'

const tagsSchema = z.object({ tags: z.array(z.string()).nullable().default(null) })
const layersSchema = z.object({ layers: z.array(z.object({ digest: z.string() })) })
const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]

/** Tags of a repository in a registry that speaks plain HTTP; none when it has no such repository. */
export async function tagsOf(registry: string, repository: string): Promise<string[]> {
  const response = await fetch(`http://${registry}/v2/${repository}/tags/list`)
  if (response.status === 404) return []
  if (!response.ok) throw new Error(`${registry} answers ${response.status} for the tags of ${repository}`)
  return tagsSchema.parse(await response.json()).tags?.toSorted() ?? []
}

/** The digest a tag has now. Throws when there is none. */
export async function digestOf(registry: string, repository: string, tag: string): Promise<string> {
  const url = `http://${registry}/v2/${repository}/manifests/${tag}`
  const response = await fetch(url, { method: 'HEAD', headers: { accept: manifestTypes.join(', ') } })
  const digest = response.headers.get('docker-content-digest')
  if (!response.ok || digest === null) throw new Error(`${url} answers ${response.status}`)
  return digest
}

/** Deletes the layers of an image: its manifest is still there, and nobody can pull it. */
export async function loseLayers(registry: string, repository: string, tag: string): Promise<void> {
  const url = `http://${registry}/v2/${repository}`
  const manifest = await fetch(`${url}/manifests/${tag}`, { headers: { accept: manifestTypes.join(', ') } })
  for (const { digest } of layersSchema.parse(await manifest.json()).layers) {
    const response = await fetch(`${url}/blobs/${digest}`, { method: 'DELETE' })
    if (!response.ok) throw new Error(`${registry} answers ${response.status} to DELETE ${digest}`)
  }
}

/** Deletes everything in a repository, so that its images are missing. */
export async function emptyRepository(registry: string, repository: string): Promise<void> {
  for (const tag of await tagsOf(registry, repository)) {
    const digest = await digestOf(registry, repository, tag)
    const url = `http://${registry}/v2/${repository}/manifests/${digest}`
    const response = await fetch(url, { method: 'DELETE' })
    if (!response.ok) throw new Error(`${url} answers ${response.status} to DELETE`)
  }
}
