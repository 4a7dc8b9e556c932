import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { type ImageContents, readImageTar } from './imageTar.ts'
import { run } from './run.ts'

const packageSchema = z.looseObject({
  name: z.string(),
  SPDXID: z.string(),
  versionInfo: z.string(),
  packageFileName: z.string().optional(),
  downloadLocation: z.string(),
})
const documentSchema = z.looseObject({
  spdxVersion: z.string(),
  name: z.string(),
  documentNamespace: z.string(),
  creationInfo: z.looseObject({ created: z.string() }),
  documentDescribes: z.tuple([z.string()]),
  packages: z.array(packageSchema),
  relationships: z.array(
    z.looseObject({
      spdxElementId: z.string(),
      relatedSpdxElement: z.string(),
      relationshipType: z.string(),
    }),
  ),
})
/** A software bill of materials in SPDX 2.3. */
export type Sbom = z.infer<typeof documentSchema>

const lockSchema = z.looseObject({
  packages: z.record(z.string(), z.looseObject({ dev: z.boolean().optional() })),
})

/**
 * The packages that the operator runs with, by `npm sbom` and the lock file of a project. With an image: those of
 * them that it really holds, its Debian packages, and its Node. The same input gives the same document; `created` is
 * the time in it.
 */
export async function createSbom(project: string, created: Date, image?: ImageContents): Promise<Sbom> {
  const listed = await runtimePackages(project)
  const [root] = listed.documentDescribes
  const isThere = ({ packageFileName = '' }: Sbom['packages'][number]) =>
    image === undefined || packageFileName === '' || image.has(`app/${packageFileName}`)
  const more = image === undefined ? [] : imagePackages(image)
  // npm names the address that a package came from, which may be a mirror's.
  const own = listed.packages.filter(isThere).map((entry) => ({ ...entry, downloadLocation: 'NOASSERTION' }))
  const packages = [...own, ...more]
  const ids = new Set(['SPDXRef-DOCUMENT', ...packages.map(({ SPDXID }) => SPDXID)])
  const relationships = [
    ...listed.relationships.filter(
      ({ spdxElementId, relatedSpdxElement }) => ids.has(spdxElementId) && ids.has(relatedSpdxElement),
    ),
    ...more.map(({ SPDXID }) => ({
      spdxElementId: root,
      relatedSpdxElement: SPDXID,
      relationshipType: 'DEPENDS_ON',
    })),
  ]
  const digest = createHash('sha256')
    .update(JSON.stringify([packages, relationships]))
    .digest('hex')
  return {
    ...listed,
    documentNamespace: `http://spdx.org/spdxdocs/${listed.name.replace('@', '-')}-${digest.slice(0, 32)}`,
    creationInfo: { ...listed.creationInfo, created: `${created.toISOString().slice(0, 19)}Z` },
    packages,
    relationships,
  }
}

/**
 * `npm sbom --omit dev` leaves out what a development dependency needs as well: it is given a project that has no such
 * dependencies.
 */
async function runtimePackages(project: string): Promise<Sbom> {
  const folder = await mkdtemp(join(tmpdir(), 'kmm-sbom-'))
  try {
    const read = async (name: string): Promise<unknown> =>
      JSON.parse(await readFile(join(project, name), 'utf8'))
    // The image takes Node from its base.
    const without = { devDependencies: undefined, optionalDependencies: undefined }
    const manifest = { ...z.looseObject({}).parse(await read('package.json')), ...without }
    const lock = lockSchema.parse(await read('package-lock.json'))
    const kept = Object.entries(lock.packages)
      .filter(([path, { dev }]) => dev !== true && !path.startsWith('node_modules/node-linux-'))
      .map(([path, entry]) => [path, path === '' ? { ...entry, ...without } : entry] as const)
    const files = {
      'package.json': manifest,
      'package-lock.json': { ...lock, packages: Object.fromEntries(kept) },
    }
    for (const [name, content] of Object.entries(files))
      await writeFile(join(folder, name), JSON.stringify(content))
    const line = ['npm', 'sbom', '--omit', 'dev', '--sbom-format', 'spdx', '--package-lock-only'] as const
    return documentSchema.parse(JSON.parse(await run(line, { cwd: folder })))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function imagePackages({ debian, node, architecture }: ImageContents): Sbom['packages'] {
  const entry = (name: string, version: string, kind: string, purl: string) => ({
    name,
    SPDXID: `SPDXRef-${kind}-${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]/gu, '-'),
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
  })
  const system = debian.map(({ name, version, architecture: built }) =>
    entry(
      name,
      version,
      `Debian-${built}`,
      `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${built}`,
    ),
  )
  const runtime = node === undefined ? [] : [entry('node', node, architecture, `pkg:generic/node@${node}`)]
  return [...system, ...runtime]
}

/** SOURCE_DATE_EPOCH, else now. */
function creationTime(env: NodeJS.ProcessEnv): Date {
  const seconds = env['SOURCE_DATE_EPOCH']
  return seconds === undefined ? new Date() : new Date(Number(seconds) * 1000)
}

async function main(): Promise<void> {
  const options = { 'image-tar': { type: 'string' } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [file] = positionals
  if (file === undefined || positionals.length > 1)
    throw new Error('usage: npm run sbom -- FILE [--image-tar FILE]')
  const tar = values['image-tar']
  const image = tar === undefined ? undefined : await readImageTar(tar)
  const project = join(import.meta.dirname, '..')
  const sbom = await createSbom(project, creationTime(process.env), image)
  await writeFile(file, `${JSON.stringify(sbom, null, 2)}\n`)
  const without = image === undefined ? '; Debian packages need --image-tar' : ''
  process.stdout.write(`${file}: ${sbom.packages.length} packages${without}\n`)
}

if (import.meta.main) await main()
