import { mkdirSync } from 'node:fs'
import { cached, cacheRoot } from './cache.ts'
import { runJob } from './job.ts'
import { lookUp, searchFolders } from './lookup.ts'
import { elapsed, silentProgress } from './progress.ts'
import { createSession, type EnsureOptions, type Pending, type Session } from './session.ts'
import { programs, type ProgramName } from './table.ts'
import type { ProgramSpec } from './types.ts'

/** Programs that are being prepared; each can be awaited alone, while others still compile. */
export interface Programs<Name extends string> {
  /** Absolute path of a program (of the folder, for `cni-plugins`). Rejects with what was tried and the fix. */
  path(name: Name): Promise<string>
  /** All paths. Rejects with the first failure. */
  all(): Promise<ReadonlyMap<Name, string>>
  /** Resolves when every program is there or has failed and the summary has been reported; never rejects. */
  readonly finished: Promise<void>
}

interface Slot {
  readonly spec: ProgramSpec
  readonly rank: number
  readonly path: Promise<string>
  readonly resolve: (path: string) => void
  readonly reject: (error: Error) => void
}

const createSlot = (spec: ProgramSpec, rank: number): Slot => {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  // Each caller awaits only what it needs; a failure nobody waits for must not end the process.
  promise.catch(() => undefined)
  return { spec, rank, path: promise, resolve, reject }
}

type Origin = 'PATH' | 'cache' | 'absent'

/**
 * Prepares programs of any table. Starts at once; the order of sources is: environment variable, PATH, cache, download,
 * Go build, Debian package. See `ensurePrograms`.
 */
export const prepare = <Name extends string>(
  table: readonly ProgramSpec[],
  names: readonly Name[],
  options: EnsureOptions = {},
): Programs<Name> => {
  const root = options.cacheDir ?? cacheRoot()
  const folders = options.folders ?? searchFolders()
  const progress = options.progress ?? silentProgress
  const since = Date.now()
  mkdirSync(root, { recursive: true })

  const slots = new Map<string, Slot>()
  const slotOf = (name: string): Slot => {
    const known = slots.get(name)
    if (known !== undefined) return known
    const rank = table.findIndex((spec) => spec.name === name)
    const spec = table[rank]
    if (spec === undefined) throw new Error(`${name} is not in the table of programs`)
    const slot = createSlot(spec, rank)
    slots.set(name, slot)
    return slot
  }

  /** Settles the slot when the program is there already; otherwise says what was found unfit. */
  const find = async (slot: Slot, tried: string[]): Promise<Origin> => {
    const found = await lookUp(slot.spec, folders, options.env)
    if (found.kind === 'found') {
      slot.resolve(found.path)
      return 'PATH'
    }
    tried.push(...found.rejected.map((rejected) => `PATH: ${rejected}`))
    if (found.rejected.length === 0) tried.push('PATH: not found')
    const path = await cached(root, slot.spec)
    if (path === undefined) return 'absent'
    slot.resolve(path)
    return 'cache'
  }

  const pendingOf = (slot: Slot, tried: string[]): Pending => ({
    spec: slot.spec,
    rank: slot.rank,
    tried,
    line: progress.start(slot.spec.name),
    resolve: slot.resolve,
    reject: slot.reject,
  })

  const findOrFail = async (slot: Slot, tried: string[]): Promise<Origin> => {
    try {
      return await find(slot, tried)
    } catch (error) {
      slot.reject(error instanceof Error ? error : new Error(String(error)))
      return 'PATH'
    }
  }

  /** A program needed only to make another one is looked for, and made, when it is needed. */
  const need = (name: string): Promise<string> => {
    const known = slots.get(name)
    if (known !== undefined) return known.path
    const slot = slotOf(name)
    const tried: string[] = []
    void findOrFail(slot, tried).then((origin) =>
      origin === 'absent'
        ? runJob(session, slot.spec.group, [pendingOf(slot, tried)], () => undefined)
        : undefined,
    )
    return slot.path
  }
  const session: Session = createSession(root, options.signal, need)

  const work = async (): Promise<void> => {
    const wanted = [...new Set(names)].map((name) => ({ slot: slotOf(name), tried: [] as string[] }))
    const origins = await Promise.all(wanted.map(({ slot, tried }) => findOrFail(slot, tried)))
    const counts = Map.groupBy(origins, (origin) => origin)
    const absent = wanted.filter((_, index) => origins[index] === 'absent')
    const jobs = [...Map.groupBy(absent, ({ slot }) => slot.spec.group)].map(([group, members]) =>
      runJob(
        session,
        group,
        members.map(({ slot, tried }) => pendingOf(slot, tried)),
        session.downloadsDecided.join(),
      ),
    )
    session.downloadsDecided.seal()
    const at = [
      `${String(counts.get('PATH')?.length ?? 0)} on PATH`,
      `${String(counts.get('cache')?.length ?? 0)} in the cache`,
    ]
    if (jobs.length > 0)
      progress.note(
        `programs: ${at.join(', ')}, to be fetched: ${absent.map(({ slot }) => slot.spec.name).join(', ')}`,
      )
    await Promise.all(jobs)
    await session.downloader.close()
    const failed = (await Promise.allSettled(wanted.map(({ slot }) => slot.path))).filter(
      (result) => result.status === 'rejected',
    ).length
    const made = absent.length - failed
    progress.note(
      [
        `programs: ${at.join(', ')}`,
        `${String(made)} fetched`,
        ...(failed > 0 ? [`${String(failed)} failed`] : []),
      ].join(', ') + ` (${elapsed(Date.now() - since)})`,
    )
  }
  const finished = work()

  return {
    finished,
    path: (name) => slotOf(name).path,
    all: async () =>
      new Map(await Promise.all(names.map(async (name) => [name, await slotOf(name).path] as const))),
  }
}

/**
 * Prepares programs of the lab's table. Returns at once; each program can be awaited by name. Fetched programs are kept
 * in the cache under their version, made by one process at a time and put there in one step.
 */
export const ensurePrograms = (
  names: readonly ProgramName[],
  options: EnsureOptions = {},
): Programs<ProgramName> => prepare(programs, names, options)
