import { join } from 'node:path'
import { cached, programFolder, publish, resultIn, withScratch } from './cache.ts'
import { isDebian, mayInstall, unpackFolder } from './debian.ts'
import { DownloadFailed, resolveAddress, unpack } from './download.ts'
import { compile } from './goBuild.ts'
import { withLock } from './lock.ts'
import { lookUp, searchFolders, verify, wantedVersion } from './lookup.ts'
import type { Pending, Session } from './session.ts'
import { environmentVariable, type Download, type ProgramSpec } from './types.ts'

const explain = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const installHint = (spec: ProgramSpec): string =>
  spec.debian === undefined ? '' : `; on Debian: sudo apt-get install ${spec.debian.package}`

/** The error of a program for which nothing worked: what was tried, the last lines, and the fix. */
export const giveUp = (spec: ProgramSpec, tried: readonly string[]): Error =>
  new Error(
    [
      `${spec.name} could not be prepared. Tried:`,
      ...tried.map((attempt) => `  - ${attempt}`),
      `Fix: put ${wantedVersion(spec)} on PATH or set ${environmentVariable(spec.name)} to its path${installHint(spec)}.`,
    ].join('\n'),
  )

const finish = (pending: Pending, path: string, how: string): void => {
  pending.line.done(how)
  pending.resolve(path)
}

/** Checks what was made, gives it its place in the cache and settles the program. */
const accept = async (
  session: Session,
  pending: Pending,
  folder: string,
  origin: 'release' | 'debian',
  how: string,
): Promise<void> => {
  const { spec } = pending
  const wrong = await verify(spec, resultIn(folder, spec))
  if (wrong !== undefined) throw new Error(`the result answers "${wrong}"; wanted is ${wantedVersion(spec)}`)
  const target = programFolder(session.root, spec, origin)
  await publish(folder, target)
  finish(pending, resultIn(target, spec), how)
}

/** Runs one attempt for one program; a failure is noted and leaves the program to the next source. */
const attempt = async (
  session: Session,
  pending: Pending,
  source: string,
  work: () => Promise<void>,
): Promise<boolean> => {
  try {
    await work()
    return true
  } catch (error) {
    session.signal?.throwIfAborted()
    pending.tried.push(`${source}: ${explain(error)}`)
    return false
  }
}

const remaining = async (
  programs: readonly Pending[],
  work: (pending: Pending) => Promise<boolean>,
): Promise<readonly Pending[]> => {
  const left: Pending[] = []
  for (const pending of programs) if (!(await work(pending))) left.push(pending)
  return left
}

const megabytes = (bytes: number): string => (bytes / 1_000_000).toFixed(0)

/** Fetches one release file and takes every program of the job that it holds out of it. */
const downloadFor = async (
  session: Session,
  programs: readonly Pending[],
  download: Download,
  scratch: string,
  decided: () => void,
): Promise<readonly Pending[]> => {
  const file = join(scratch, 'release')
  const { host } = new URL(resolveAddress(download.url))
  const say = (phase: string, detail?: string): void => {
    for (const { line } of programs) line.say(phase, detail)
  }
  try {
    await session.downloader.fetch(download, file, {
      onStart: () => {
        decided()
        say(`downloading from ${host}`)
      },
      onBytes: (done, total) =>
        say(
          `downloading from ${host}`,
          total > 0 ? `${megabytes(done)} of ${megabytes(total)} MB` : `${megabytes(done)} MB`,
        ),
    })
  } catch (error) {
    session.signal?.throwIfAborted()
    if (!(error instanceof DownloadFailed)) throw error
    // A wrong checksum must be seen even when another source then works; the rest is the normal life of a lab.
    if (error.failure === 'checksum') say(`checksum mismatch: ${error.message}`)
    for (const { tried } of programs) tried.push(`download: ${error.message}`)
    return programs
  }
  return remaining(programs, (pending) =>
    attempt(session, pending, `download ${download.url}`, async () => {
      const folder = join(scratch, pending.spec.name)
      const mine = pending.spec.downloads[session.arch] ?? download
      await unpack(pending.spec, mine, file, folder, () => session.need('unzip'))
      await accept(session, pending, folder, 'release', 'downloaded')
    }),
  )
}

const downloadAll = async (
  session: Session,
  programs: readonly Pending[],
  scratch: string,
  decided: () => void,
): Promise<readonly Pending[]> => {
  const byAddress = Map.groupBy(programs, ({ spec }) => spec.downloads[session.arch]?.url)
  const left: Pending[] = []
  for (const [address, sharers] of byAddress) {
    const download = sharers[0]?.spec.downloads[session.arch]
    if (address === undefined || download === undefined) left.push(...sharers)
    else left.push(...(await downloadFor(session, sharers, download, scratch, decided)))
  }
  return left.toSorted((a, b) => a.rank - b.rank)
}

const compileOne = async (session: Session, pending: Pending, scratch: string): Promise<boolean> => {
  const { spec, line, rank, tried } = pending
  const build = spec.go
  if (build === undefined) return false
  const why = tried.find((text) => text.startsWith('download: '))
  const suffix = why === undefined ? '' : ` (${why.replace('download: ', '')})`
  line.say(`waiting to compile${suffix}`)
  await session.downloadsDecided.opened
  return session.compileQueue(rank, () =>
    attempt(session, pending, `go build ${build.package}@${build.version}`, async () => {
      const go = await session.need('go')
      const folder = join(scratch, `go-${spec.name}`)
      line.say('compiling')
      await compile(go, build, join(scratch, 'module'), join(folder, spec.file), {
        ...(session.signal === undefined ? {} : { signal: session.signal }),
        onPackage: (count) => line.say('compiling', `${String(count)} packages`),
      })
      await accept(session, pending, folder, 'release', `compiled${suffix}`)
    }),
  )
}

const fromDebian = async (session: Session, pending: Pending, scratch: string): Promise<boolean> => {
  const { spec, line } = pending
  const source = spec.debian
  if (source === undefined || !(await isDebian())) return false
  return attempt(session, pending, `Debian package ${source.package}`, async () => {
    if (source.kind === 'unpack') {
      line.say(`Debian package ${source.package}`)
      await session.apt.lists()
      const folder = join(scratch, `debian-${spec.name}`)
      await unpackFolder(source.package, source.folder, scratch, folder, session.signal)
      await accept(session, pending, folder, 'debian', `unpacked from Debian package ${source.package}`)
      return
    }
    if (!mayInstall()) throw new Error('only root may install it')
    line.say(`installing Debian package ${source.package}`)
    await session.apt.install(source.package)
    const found = await lookUp(spec, searchFolders())
    if (found.kind === 'absent')
      throw new Error(`installed, but still not found: ${found.rejected.join('; ')}`)
    finish(pending, found.path, `installed Debian package ${source.package}`)
  })
}

/**
 * Makes the programs of one group: cache (another process may just have made them), download, Go build, Debian. Settles
 * every program's promise; never rejects.
 */
export const runJob = async (
  session: Session,
  group: string,
  programs: readonly Pending[],
  decided: () => void,
): Promise<void> => {
  const onWait = (): void => {
    decided()
    for (const { line } of programs) line.say('waiting for another process that is making it')
  }
  const lock = { ...(session.signal === undefined ? {} : { signal: session.signal }), onWait }
  const open = new Set(programs)
  try {
    await withLock(session.root, group, lock, () =>
      withScratch(session.root, group, async (scratch) => {
        let left = await remaining(programs, async (pending) => {
          const path = await cached(session.root, pending.spec)
          if (path !== undefined) finish(pending, path, 'made by another process')
          return path !== undefined
        })
        left = await downloadAll(session, left, scratch, decided)
        decided()
        left = await remaining(left, (pending) => compileOne(session, pending, scratch))
        left = await remaining(left, (pending) => fromDebian(session, pending, scratch))
        for (const pending of programs) if (!left.includes(pending)) open.delete(pending)
      }),
    )
    for (const { spec, tried, line, reject } of open) {
      line.fail('could not be prepared')
      reject(giveUp(spec, tried))
    }
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error))
    for (const { line, reject } of open) {
      line.fail(session.signal?.aborted === true ? 'interrupted' : failure.message)
      reject(failure)
    }
  } finally {
    decided()
  }
}
