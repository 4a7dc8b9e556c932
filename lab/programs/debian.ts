import { existsSync } from 'node:fs'
import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandFailed, run, runOrThrow } from './exec.ts'
import { withLock } from './lock.ts'
import { isExecutable } from './lookup.ts'

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  DEBIAN_FRONTEND: 'noninteractive',
  LC_ALL: 'C',
})

/** apt locks its lists without waiting: everything of the lab that changes apt's state takes turns. */
const inTurn = <T>(work: () => Promise<T>): Promise<T> => withLock('/', 'apt', {}, work)

/** True on machines whose packages are Debian's: only there the table's package names mean anything. */
export const isDebian = (): Promise<boolean> => isExecutable('/usr/bin/apt-get')

/** True when this process may install packages. */
export const mayInstall = (): boolean => process.getuid?.() === 0

/** Refreshes the package lists; without root this is left to the machine's owner. Rejects with CommandFailed. */
export const updateLists = async (): Promise<void> => {
  if (mayInstall()) await inTurn(() => runOrThrow(['apt-get', 'update', '-q'], { env: environment() }))
}

/**
 * Installs packages in one call, without recommendations. Runs detached: an interrupted dpkg would leave the machine's
 * package database half configured. Rejects with CommandFailed.
 */
export const install = async (packages: readonly string[]): Promise<void> => {
  const argv = [
    'apt-get',
    'install',
    '-y',
    '-q',
    '--no-install-recommends',
    '-o',
    'DPkg::Lock::Timeout=300',
    '-o',
    'Dpkg::Use-Pty=0',
    ...packages,
  ] as const
  const result = await inTurn(() => run(argv, { env: environment(), detached: true }))
  if (result.code !== 0) throw new CommandFailed(argv, result)
}

/**
 * Downloads packages (apt verifies them) and unpacks them into one tree without installing anything. `packages` are
 * names or `name=version`. Rejects with CommandFailed.
 */
export const unpackPackages = async (
  packages: readonly string[],
  scratch: string,
  tree: string,
  signal?: AbortSignal,
): Promise<void> => {
  const archives = join(scratch, 'archives')
  await mkdir(archives, { recursive: true })
  await mkdir(tree, { recursive: true })
  const options = { cwd: archives, env: environment(), ...(signal === undefined ? {} : { signal }) }
  await runOrThrow(['apt-get', 'download', '-q', ...packages], options)
  for (const archive of await readdir(archives)) {
    await runOrThrow(['dpkg-deb', '-x', join(archives, archive), tree], options)
  }
}

/** Unpacks one folder of one package to `target`. Rejects with CommandFailed. */
export const unpackFolder = async (
  name: string,
  folder: string,
  scratch: string,
  target: string,
  signal?: AbortSignal,
): Promise<void> => {
  const tree = join(scratch, `tree-${name}`)
  await unpackPackages([name], join(scratch, `apt-${name}`), tree, signal)
  // Releases with a merged /usr have moved bin/ to usr/bin/.
  const places = [join(tree, folder), join(tree, 'usr', folder)]
  const place = places.find((candidate) => existsSync(candidate))
  if (place === undefined) throw new Error(`the Debian package ${name} holds no folder ${folder}`)
  await rename(place, target)
}
