import { z } from 'zod'

const packageSchema = z.looseObject({
  version: z.string().optional(),
  integrity: z.string().optional(),
  resolved: z.string().optional(),
  link: z.boolean().optional(),
  hasInstallScript: z.boolean().optional(),
})
const lockSchema = z.looseObject({
  lockfileVersion: z.literal(3),
  packages: z.record(z.string(), packageSchema),
})
const manifestSchema = z.looseObject({ allowScripts: z.record(z.string(), z.boolean()).default({}) })
type LockedPackage = z.infer<typeof packageSchema>

/** Packages with an install script, each with what becomes of the script and why. A script is never run. */
export const installScripts: Readonly<Record<string, string>> = {
  protobufjs: 'prints a warning about the versions of packages that depend on it; nothing needs it',
  '@swc/core': 'installs a slower build where the binary of the platform does not load; those of ours load',
}

const exactVersion = /^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/
const strongHash = /^sha512-[A-Za-z0-9+/]{86}==$/
const registryArchive = /^https:\/\/[^/@]+\/.+\.tgz$/

/**
 * What is wrong with a lock file of npm, one line each: a package without a version or a hash, one that comes from
 * elsewhere than a registry, one with an install script that is not listed with a reason, or whose script is not turned
 * off in package.json, and a listed one that has none any more.
 * @throws ZodError when one of the two is no such file
 */
export function lockFaults(
  lock: unknown,
  manifest: unknown,
  listed: Readonly<Record<string, string>> = installScripts,
): string[] {
  const { packages } = lockSchema.parse(lock)
  const { allowScripts } = manifestSchema.parse(manifest)
  const locked = Object.entries(packages).filter(([path]) => path !== '')
  const withScript = new Set(
    locked.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => nameOf(path)),
  )
  return [
    ...locked.flatMap(([path, its]) => packageFaults(its).map((fault) => `${path}: ${fault}`)),
    ...[...withScript].flatMap((name) => {
      if (!Object.hasOwn(listed, name))
        return [`${name}: runs an install script that is not listed with a reason`]
      return allowScripts[name] === false
        ? []
        : [`${name}: allowScripts in package.json does not turn its script off`]
    }),
    ...Object.keys(allowScripts)
      .filter((name) => !withScript.has(name))
      .map((name) => `${name}: is in allowScripts of package.json and has no install script`),
    ...Object.keys(listed)
      .filter((name) => !withScript.has(name))
      .map((name) => `${name}: is listed and has no install script`),
  ]
}

function packageFaults({ version, integrity, resolved, link }: LockedPackage): string[] {
  if (link === true) return ['is a folder, not a package of a registry']
  return [
    ...(version !== undefined && exactVersion.test(version) ? [] : ['has no exact version']),
    ...(integrity !== undefined && strongHash.test(integrity) ? [] : ['has no SHA-512 hash (integrity)']),
    ...(resolved === undefined || registryArchive.test(resolved)
      ? []
      : [`comes from ${resolved}, not from a registry by https`]),
  ]
}

/** The name of the package that is installed at a path: what follows the last `node_modules/`. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
}
