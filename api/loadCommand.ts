/** Where modules live in an image unless the Module says otherwise. */
export const defaultDirName = '/opt'

interface ArgumentLists {
  readonly load?: readonly string[] | undefined
  readonly unload?: readonly string[] | undefined
}

/** What the commands need of a Module's `modprobe` section. */
export interface ModprobeLike {
  readonly moduleName?: string | undefined
  readonly parameters?: readonly string[] | undefined
  readonly dirName?: string | undefined
  readonly args?: ArgumentLists | undefined
  readonly rawArgs?: ArgumentLists | undefined
  readonly modulesLoadingOrder?: readonly string[] | undefined
}

/**
 * The argv that loads a module (nodes:WRK-6): `modprobe -vd <dirName> <args> <module> <parameters>`, or the raw
 * arguments alone. The image's tree stands under its own path in the worker pod, so `dirName` is the real directory.
 */
export function loadCommand(modprobe: ModprobeLike): string[] {
  const raw = modprobe.rawArgs?.load ?? []
  if (raw.length > 0) return ['modprobe', ...raw]
  return [
    'modprobe',
    '-vd',
    directory(modprobe),
    ...(modprobe.args?.load ?? []),
    moduleName(modprobe, 'load'),
    ...(modprobe.parameters ?? []),
  ]
}

/**
 * The argv that unloads it (nodes:WRK-7): all names of `modulesLoadingOrder`, because modprobe stops at a module
 * that another one's removal has already taken away.
 */
export function unloadCommand(modprobe: ModprobeLike): string[] {
  const raw = modprobe.rawArgs?.unload ?? []
  if (raw.length > 0) return ['modprobe', ...raw]
  const order = modprobe.modulesLoadingOrder ?? []
  return [
    'modprobe',
    '-rvd',
    directory(modprobe),
    ...(modprobe.args?.unload ?? []),
    ...(order.length > 0 ? order : [moduleName(modprobe, 'unload')]),
  ]
}

/** Text of a modprobe.d file that loads the modules of an order from the last to the first (nodes:WPD-7). */
export function softdep(modulesLoadingOrder: readonly string[]): string {
  return modulesLoadingOrder
    .slice(1)
    .map((needed, i) => `softdep ${modulesLoadingOrder[i]} pre: ${needed}\n`)
    .join('')
}

/** An empty directory is kept as what it means, the root (images:1.1). */
function directory(modprobe: ModprobeLike): string {
  return (modprobe.dirName ?? defaultDirName) || '/'
}

/** @throws Error when there is neither a name nor raw arguments, which images:VAL-9 refuses at apply */
function moduleName(modprobe: ModprobeLike, action: 'load' | 'unload'): string {
  if (modprobe.moduleName) return modprobe.moduleName
  throw new Error(`modprobe: give moduleName, or rawArgs.${action}`)
}
