import type { Build, BuildArg, Modprobe, Sign } from './moduleLoader.ts'

/** The members of `value` that are present, so that an absent one does not hide another level's. */
function present<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Partial<T>
}

/**
 * The build section of a mapping over that of the container (images:MAP-10 Better): each field of the mapping wins
 * when present; arguments are merged by name, secrets put together, container level first, none twice.
 */
export function mergeBuild(container: Build | undefined, mapping: Build | undefined): Build | undefined {
  if (container === undefined && mapping === undefined) return undefined
  const merged = { ...present(container ?? {}), ...present(mapping ?? {}) } as Build
  const secrets = [...(container?.secrets ?? []), ...(mapping?.secrets ?? [])]
  const names = [...new Set(secrets.map(({ name }) => name))]
  const [base, over] = [container?.buildArgs, mapping?.buildArgs]
  const buildArgs = base !== undefined && over !== undefined ? mergeArgs(base, over) : (base ?? over ?? [])
  return {
    ...merged,
    ...(names.length === 0 ? {} : { secrets: names.map((name) => ({ name })) }),
    ...(buildArgs.length === 0 ? {} : { buildArgs }),
  }
}

/** Values of `over` replace those of the same name in place; its other names follow in alphabetical order. */
export function mergeArgs(base: readonly BuildArg[], over: readonly BuildArg[]): BuildArg[] {
  const values = new Map(over.map(({ name, value }) => [name, value]))
  const known = new Set(base.map(({ name }) => name))
  const added = [...values].filter(([name]) => !known.has(name)).sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    ...base.map(({ name, value }) => ({ name, value: values.get(name) ?? value })),
    ...added.map(([name, value]) => ({ name, value })),
  ]
}

/**
 * The sign section of a mapping over that of the container (images:MAP-11 Better): fields of the mapping win when
 * present and not empty, files are put together, container level first.
 */
export function mergeSign(container: Sign | undefined, mapping: Sign | undefined): Sign | undefined {
  if (container === undefined || mapping === undefined) return mapping ?? container
  const { unsignedImage = '', keySecret, certSecret, ...rest } = mapping
  const filesToSign = [...(container.filesToSign ?? []), ...(mapping.filesToSign ?? [])]
  return {
    ...container,
    ...present(rest),
    ...(unsignedImage === '' ? {} : { unsignedImage }),
    ...(keySecret.name === '' ? {} : { keySecret }),
    ...(certSecret.name === '' ? {} : { certSecret }),
    ...(filesToSign.length === 0 ? {} : { filesToSign: [...new Set(filesToSign)] }),
  }
}

interface InTreeFields {
  readonly inTreeModuleToRemove?: string | undefined
  readonly inTreeModulesToRemove?: readonly string[] | undefined
}

/**
 * Modules to unload first (images:MAP-13): the mapping's list when there is one, even empty, else the container's; a
 * deprecated single name, the mapping's first, wins over both.
 */
export function mergeInTreeModules(
  container: InTreeFields,
  mapping: InTreeFields,
): readonly string[] | undefined {
  const single = mapping.inTreeModuleToRemove || container.inTreeModuleToRemove
  if (single) return [single]
  return mapping.inTreeModulesToRemove ?? container.inTreeModulesToRemove
}

/** Empty rawArgs, args and an empty firmwarePath count as absent (images:VAL-9 Better). */
export function withoutEmpty(modprobe: Modprobe): Modprobe {
  const { args, rawArgs, firmwarePath, ...rest } = modprobe
  return {
    ...rest,
    ...(hasArguments(args) ? { args } : {}),
    ...(hasArguments(rawArgs) ? { rawArgs } : {}),
    ...(firmwarePath ? { firmwarePath } : {}),
  }
}

function hasArguments(lists: Modprobe['args']): boolean {
  return lists?.load !== undefined || lists?.unload !== undefined
}
