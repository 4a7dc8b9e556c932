/** A module in a running kernel, as /proc/modules says it. */
export interface LoadedModule {
  readonly name: string
  /** Memory it takes, in bytes. */
  readonly size: number
  /** Modules that need it. */
  readonly usedBy: readonly string[]
  /** Number of users, modules and others; null when the kernel cannot unload modules. */
  readonly references: number | null
}

/** Parses /proc/modules: "name size references usedBy, state address". Modules that come or go are left out. */
export const parseModules = (text: string): readonly LoadedModule[] =>
  text.split('\n').flatMap((line) => {
    const [name = '', size = '', references = '', usedBy = '', state = ''] = line.trim().split(/\s+/)
    if (state !== 'Live') return []
    return [
      {
        name,
        size: Number(size),
        usedBy: usedBy.split(',').filter((user) => /^[\w-]+$/.test(user) && user !== '-'),
        references: references === '-' ? null : Number(references),
      },
    ]
  })
