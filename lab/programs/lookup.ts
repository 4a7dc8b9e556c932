import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { run } from './exec.ts'
import { environmentVariable, type ProgramSpec, type VersionProbe } from './types.ts'

/** Where a look-up found a program, or why it did not; `rejected` are candidates that answered the wrong version. */
export type LookupResult =
  | { readonly kind: 'found'; readonly path: string; readonly where: 'environment' | 'path' }
  | { readonly kind: 'absent'; readonly rejected: readonly string[] }

/** The folders searched for programs: PATH and the sbin folders, which a user's PATH often lacks. */
export const searchFolders = (path = process.env['PATH'] ?? ''): readonly string[] => [
  ...new Set([...path.split(delimiter).filter(isAbsolute), '/usr/local/sbin', '/usr/sbin', '/sbin']),
]

/** True when `path` is a file this user may execute. */
export const isExecutable = async (path: string): Promise<boolean> => {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/** Asks a program for its version; undefined when it fits, otherwise its answer in one line. */
export const probeVersion = async (path: string, probe: VersionProbe): Promise<string | undefined> => {
  const result = await run([path, ...probe.args], { timeoutMs: 15_000 })
  const lines = [...result.stdout.split('\n'), ...result.tail]
  if (probe.accept.test(lines.join('\n'))) return undefined
  return lines.find((line) => line.trim() !== '')?.slice(0, 120) ?? `exit code ${String(result.code)}`
}

const holdsAll = async (folder: string, files: readonly string[]): Promise<boolean> =>
  (await Promise.all(files.map((file) => isExecutable(join(folder, file))))).every(Boolean)

/** Checks one path against the table; undefined when it fits, otherwise what is wrong with it. */
export const verify = async (spec: ProgramSpec, path: string): Promise<string | undefined> => {
  if (spec.lookup.kind === 'directory') {
    return (await holdsAll(path, spec.lookup.contains))
      ? undefined
      : `does not hold ${spec.lookup.contains.join(', ')}`
  }
  return (await isExecutable(path)) ? probeVersion(path, spec.lookup.probe) : 'is not an executable file'
}

/**
 * Looks for a program: first its environment variable, then `folders`. A variable that is set but names something
 * unfit is an error (it was set on purpose); an unfit program in a folder is only noted.
 */
export const lookUp = async (
  spec: ProgramSpec,
  folders: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<LookupResult> => {
  const variable = environmentVariable(spec.name)
  const named = env[variable]
  if (named !== undefined && named !== '') {
    const wrong = await verify(spec, named)
    if (wrong === undefined) return { kind: 'found', path: named, where: 'environment' }
    throw new Error(
      `${variable}=${named} ${wrong.startsWith('is ') || wrong.startsWith('does ') ? wrong : `answers "${wrong}"`}; ` +
        `wanted is ${wantedVersion(spec)}. Correct the variable or unset it.`,
    )
  }
  const candidates =
    spec.lookup.kind === 'directory'
      ? spec.lookup.paths
      : spec.lookup.names.flatMap((name) => folders.map((folder) => join(folder, name)))
  const rejected: string[] = []
  for (const candidate of candidates) {
    if (spec.lookup.kind === 'executable' && !(await isExecutable(candidate))) continue
    const wrong = await verify(spec, candidate)
    if (wrong === undefined) return { kind: 'found', path: candidate, where: 'path' }
    if (spec.lookup.kind === 'executable') rejected.push(`${candidate} answers "${wrong}"`)
  }
  return { kind: 'absent', rejected }
}

/** The acceptable versions in words. */
export const wantedVersion = (spec: ProgramSpec): string =>
  spec.lookup.kind === 'executable'
    ? spec.lookup.probe.wanted
    : `a folder with ${spec.lookup.contains.join(', ')}`
