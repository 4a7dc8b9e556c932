import { availableParallelism } from 'node:os'
import { createDownloader, type Downloader } from './download.ts'
import { install, updateLists } from './debian.ts'
import { createGate, createQueue, type Gate } from './gate.ts'
import type { Progress, ProgressLine } from './progress.ts'
import type { Arch, ProgramSpec } from './types.ts'

/** One program on its way: what was tried so far, its line of progress, and its promise. */
export interface Pending {
  readonly spec: ProgramSpec
  /** Place in the order of compiling. */
  readonly rank: number
  readonly tried: string[]
  readonly line: ProgressLine
  readonly resolve: (path: string) => void
  readonly reject: (error: Error) => void
}

/** What all jobs of one `prepare` share. */
export interface Session {
  readonly root: string
  readonly arch: Arch
  readonly signal: AbortSignal | undefined
  readonly downloader: Downloader
  /** Passed by a job when its downloads have begun or failed; compiling and apt wait for all. */
  readonly downloadsDecided: Gate & { seal(): void }
  readonly compileQueue: <T>(rank: number, work: () => Promise<T>) => Promise<T>
  readonly apt: AptBatch
  /** A program that another one needs in order to be made. */
  readonly need: (name: string) => Promise<string>
}

/** Package installation for all jobs together: one list refresh, one install call. */
export interface AptBatch {
  /** Resolves when the lists are fresh. */
  lists(): Promise<void>
  /** Resolves when the package is installed, together with all others asked for by then. */
  install(package_: string): Promise<void>
}

/** Makes the batch; it waits for `ready` before it starts, so that all who will ask have asked. */
export const createAptBatch = (ready: Promise<void>, commands = { updateLists, install }): AptBatch => {
  let refreshed: Promise<void> | undefined
  let batch: { readonly packages: string[]; readonly done: Promise<void> } | undefined
  const lists = (): Promise<void> => (refreshed ??= ready.then(commands.updateLists))
  return {
    lists,
    install: (package_) => {
      if (batch === undefined) {
        const packages: string[] = []
        const done = lists().then(() => {
          batch = undefined
          return commands.install(packages)
        })
        batch = { packages, done }
      }
      batch.packages.push(package_)
      return batch.done
    },
  }
}

/** Makes a session; `close` its downloader when every job has ended. */
export const createSession = (
  root: string,
  signal: AbortSignal | undefined,
  need: (name: string) => Promise<string>,
): Session => {
  const { arch } = process
  if (arch !== 'x64' && arch !== 'arm64')
    throw new Error(`the lab runs on x64 and arm64, this machine is ${arch}`)
  const downloadsDecided = createGate()
  return {
    root,
    arch,
    signal,
    need,
    downloadsDecided,
    downloader: createDownloader(signal),
    // One Go build keeps two to four cores busy and takes up to 3 GiB.
    compileQueue: createQueue(Math.max(1, Math.floor(availableParallelism() / 6))),
    apt: createAptBatch(downloadsDecided.opened),
  }
}

/** Options of `ensurePrograms`. */
export interface EnsureOptions {
  /** Default: none. The caller closes it. */
  readonly progress?: Progress
  /** Default: `cacheRoot()`. */
  readonly cacheDir?: string
  /** Folders searched for programs that are already there. Default: PATH and the sbin folders. */
  readonly folders?: readonly string[]
  /** Aborting it ends downloads and compilers; every open promise rejects. */
  readonly signal?: AbortSignal
  readonly env?: NodeJS.ProcessEnv
}
