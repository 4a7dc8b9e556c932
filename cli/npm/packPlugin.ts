import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'

const root = join(import.meta.dirname, '../..')
const versions = z.record(z.string(), z.string())
const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string(),
  type: z.string(),
  bin: versions,
  engines: versions,
  dependencies: versions,
  optionalDependencies: versions,
})

/**
 * Makes the npm package of the plugin in `folder`: the code that its programs reach, and of the project's dependencies
 * those that this code imports. Resolves with the path of the archive, as `npm pack` names it.
 */
export async function packPlugin(folder: string): Promise<string> {
  const staged = await mkdtemp(join(tmpdir(), 'kmm-pack-'))
  try {
    const own = manifestSchema.parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')))
    const { files, packages } = await reachedFrom(Object.values(own.bin))
    for (const file of files) await copy(file, join(staged, file))
    await copy('LICENSE', join(staged, 'LICENSE'))
    await copy('docs/kubectl-kmod.md', join(staged, 'README.md'))
    await copy('docs/troubleshooting.md', join(staged, 'troubleshooting.md'))
    await copy('docs/uninstall.md', join(staged, 'uninstall.md'))
    const dependencies = Object.fromEntries(packages.map((name) => [name, versionOf(own.dependencies, name)]))
    const description =
      'kubectl kmod: what Kernel Module Management does in a cluster, why not, and how to go on'
    const manifest = { ...own, description, dependencies }
    await writeFile(join(staged, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    await mkdir(folder, { recursive: true })
    const line = ['pack', '--silent', '--ignore-scripts', '--pack-destination', resolve(folder)]
    const { stdout } = await promisify(execFile)('npm', line, { cwd: staged })
    return join(resolve(folder), stdout.trim())
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}

/** Files of the project that some of them import while they run, themselves included, and the packages they name. */
async function reachedFrom(entries: readonly string[]): Promise<{ files: string[]; packages: string[] }> {
  const files = new Set(entries)
  const packages = new Set<string>()
  // What is added on the way is visited too.
  for (const file of files) {
    const source = await readFile(join(root, file), 'utf8')
    // Imports of types go with the types.
    const code = file.endsWith('.ts') ? stripTypeScriptTypes(source) : source
    for (const [, name = ''] of code.matchAll(/(?:from |^import |import\()'([^']+)'/gmu)) {
      if (name.startsWith('.')) files.add(relative(root, resolve(root, dirname(file), name)))
      else if (!name.startsWith('node:')) packages.add(packageOf(name))
    }
  }
  return { files: [...files], packages: [...packages].toSorted() }
}

/** `@noble/hashes` of `@noble/hashes/sha2.js` */
function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')
}

function versionOf(dependencies: Readonly<Record<string, string>>, name: string): string {
  const version = dependencies[name]
  if (version === undefined)
    throw new Error(`the plugin imports ${name}, which is no dependency in package.json`)
  return version
}

async function copy(file: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await cp(join(root, file), to)
}

if (import.meta.main) process.stdout.write(`${await packPlugin(process.argv[2] ?? '.')}\n`)
