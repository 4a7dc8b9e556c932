/** CPU architectures the table knows, as `process.arch` names them. */
export type Arch = 'x64' | 'arm64'

/** How a program found on the machine proves that it fits: `accept` must match its output (stdout + stderr). */
export interface VersionProbe {
  readonly args: readonly string[]
  readonly accept: RegExp
  /** The accepted versions in words, for error texts. */
  readonly wanted: string
}

/**
 * How to look for a program before anything is fetched. An `executable` is searched under `names` in PATH and the
 * sbin folders; a `directory` is the first of `paths` that holds every file of `contains`.
 */
export type Lookup =
  | { readonly kind: 'executable'; readonly names: readonly string[]; readonly probe: VersionProbe }
  | { readonly kind: 'directory'; readonly paths: readonly string[]; readonly contains: readonly string[] }

/** How a downloaded file becomes the content of a program's folder. */
export type Unpack =
  | { readonly kind: 'plain' }
  | { readonly kind: 'tar.gz'; readonly members: readonly string[]; readonly strip: number }
  | { readonly kind: 'zip'; readonly root: string; readonly executables: readonly string[] }

/** One pinned release file. `{goproxy}` in `url` stands for the Go module proxy in use (GOPROXY). */
export interface Download {
  readonly url: string
  readonly algorithm: 'sha256' | 'sha512'
  /** Published checksum in lower case hex. */
  readonly digest: string
  readonly unpack: Unpack
}

/** How to compile a program from its Go module through a go.mod of our own. */
export interface GoBuild {
  readonly module: string
  readonly version: string
  /** The main package. */
  readonly package: string
  /** `-X` assignments for the linker; absent where the program's own source holds the version. */
  readonly define?: Readonly<Record<string, string>>
  /** Set when the module's own go.mod replaces siblings by local folders: they get this published version. */
  readonly siblings?: string
}

/**
 * Where Debian has the program. `unpack` takes files out of the package without installing it, so that no service
 * starts and no root is needed; `install` is for programs that need many libraries or files of their own.
 */
export type DebianSource =
  | { readonly kind: 'unpack'; readonly package: string; readonly folder: string }
  | { readonly kind: 'install'; readonly package: string }

/** One line of the table: everything the lab knows of a program. */
export interface ProgramSpec {
  readonly name: string
  /** Version that is downloaded or built; part of the cache key. */
  readonly version: string
  /** Programs of one group share a release file or a Go module and are fetched by one job. */
  readonly group: string
  readonly lookup: Lookup
  /** Path of the executable inside the program's folder in the cache; `.` when the folder is the result. */
  readonly file: string
  readonly downloads: Readonly<Partial<Record<Arch, Download>>>
  readonly go?: GoBuild
  readonly debian?: DebianSource
}

/** Environment variable that names a program by hand, such as KMM_LAB_KUBE_APISERVER. */
export const environmentVariable = (name: string): string =>
  `KMM_LAB_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`
