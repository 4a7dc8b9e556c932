import { createHash } from 'node:crypto'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { z } from 'zod'
import { run } from './run.ts'

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      dependencies: z.record(z.string(), z.string()).default({}),
      peerDependencies: z.record(z.string(), z.string()).default({}),
    }),
  ),
})
type LockedPackages = z.infer<typeof lockSchema>['packages']

/**
 * Makes the archive that krew unpacks from the npm package of the plugin: krew installs no dependencies, so they are in
 * it, as the project has them. They are plain JavaScript: one archive serves all platforms. `time` is that of its files.
 */
export async function packForKrew(
  project: string,
  npmPackage: string,
  archive: string,
  time: Date,
): Promise<void> {
  const staged = await mkdtemp(join(tmpdir(), 'kmm-krew-'))
  try {
    await run(['tar', '-xzf', npmPackage, '-C', staged, '--strip-components=1'])
    const json = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, 'utf8'))
    const { packages } = lockSchema.parse(await json(join(project, 'package-lock.json')))
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(await json(join(staged, 'package.json')))
    for (const path of neededPackages(packages, Object.keys(dependencies)))
      await cp(join(project, path), join(staged, path), {
        recursive: true,
        filter: (from) => isWanted(from.slice(join(project, path).length)),
      })
    await run(['sh', join(project, 'deploy/prune.sh')], { cwd: staged })
    const owner = ['--owner=0', '--group=0', '--numeric-owner', '--mode=u+rw,go=rX']
    const order = ['--sort=name', `--mtime=@${Math.floor(time.getTime() / 1000)}`]
    await run(['tar', '-C', staged, ...owner, ...order, '-I', 'gzip -n', '-cf', archive, '.'])
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}

/** Other packages are copied by themselves; much of the rest are declarations and maps, which prune.sh would remove. */
function isWanted(file: string): boolean {
  return !file.includes('/node_modules') && !/\.(?:d\.[cm]?ts|map)$/u.test(file)
}

/** Paths of these packages and of all that they need, as Node resolves them. */
function neededPackages(packages: LockedPackages, names: readonly string[]): ReadonlySet<string> {
  const needed = new Set(names.map((name) => `node_modules/${name}`))
  // What is added on the way is visited too.
  for (const path of needed) {
    const { dependencies = {}, peerDependencies = {} } = packages[path] ?? {}
    for (const name of Object.keys({ ...dependencies, ...peerDependencies })) {
      const found = resolve(packages, path, name)
      if (found !== undefined) needed.add(found)
    }
  }
  return needed
}

function resolve(packages: LockedPackages, from: string, name: string): string | undefined {
  for (let folder = from; folder !== '.'; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name)
    if (packages[path] !== undefined) return path
  }
  const path = `node_modules/${name}`
  return packages[path] === undefined ? undefined : path
}

/**
 * The manifest with which krew installs an archive from `uri`. Without a host `kubectl krew install --manifest=...
 * --archive=...` takes it.
 */
export async function krewManifest(archive: string, uri: string, version: string): Promise<string> {
  const sha256 = createHash('sha256')
    .update(await readFile(archive))
    .digest('hex')
  return stringify({
    apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
    kind: 'Plugin',
    metadata: { name: 'kmod' },
    spec: {
      version: `v${version}`,
      shortDescription: 'Inspect and steer out-of-tree kernel modules',
      description:
        'Shows what Kernel Module Management on Temporal does with each Module, explains why one is not loaded, ' +
        'and retries or cancels builds.\n',
      caveats:
        'This plugin needs Node.js 24 or newer as "node" on the PATH.\n' +
        'krew does not install kubectl_complete-kmod: completion works with\n' +
        '"source <(kubectl kmod completion bash)".\n',
      platforms: [
        {
          selector: { matchExpressions: [{ key: 'os', operator: 'In', values: ['darwin', 'linux'] }] },
          uri,
          sha256,
          bin: 'cli/kubectl-kmod.js',
        },
      ],
    },
  })
}
