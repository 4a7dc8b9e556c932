import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { EnvHttpProxyAgent, fetch } from 'undici'
import { runOrThrow } from './exec.ts'
import type { Download, ProgramSpec } from './types.ts'

/** Why a download gave nothing. Only `checksum` is alarming; the others mean "not from here". */
export type DownloadFailure = 'unreachable' | 'refused' | 'broken' | 'checksum'

/** A failed download; `message` is one phrase that names the host or address. */
export class DownloadFailed extends Error {
  readonly failure: DownloadFailure
  constructor(failure: DownloadFailure, message: string) {
    super(message)
    this.name = 'DownloadFailed'
    this.failure = failure
  }
}

/** How long a host may take to be resolved and connected to, and then to answer. */
export interface DownloadTimeouts {
  readonly connectMs: number
  readonly answerMs: number
}

const patience: DownloadTimeouts = { connectMs: 4_000, answerMs: 15_000 }

/** Downloads with pinned checksums; remembers hosts that could not be reached, so that each is tried once. */
export interface Downloader {
  /** Writes the verified file; calls `onStart` once its content begins to arrive. Rejects with DownloadFailed. */
  fetch(
    download: Download,
    file: string,
    report: { readonly onStart: () => void; readonly onBytes: (done: number, total: number) => void },
  ): Promise<void>
  close(): Promise<void>
}

/** The address with the Go module proxy of the environment in place of `{goproxy}`. */
export const resolveAddress = (address: string, env: NodeJS.ProcessEnv = process.env): string => {
  const proxies = (env['GOPROXY'] ?? '').split(/[,|]/).map((proxy) => proxy.trim())
  const proxy = proxies.find((candidate) => /^https?:\/\//.test(candidate)) ?? 'https://proxy.golang.org'
  return address.replace('{goproxy}', proxy.replace(/\/$/, ''))
}

const reason = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'host name not found'
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'no connection'
  return code ?? (cause instanceof Error ? cause.message : String(cause))
}

/** Makes a Downloader; proxies of the environment (HTTPS_PROXY, NO_PROXY) are used. */
export const createDownloader = (signal?: AbortSignal, timeouts = patience): Downloader => {
  const agent = new EnvHttpProxyAgent({ connect: { timeout: timeouts.connectMs } })
  const unreachable = new Map<string, string>()

  const open = async (url: URL) => {
    const known = unreachable.get(url.host)
    if (known !== undefined) throw new DownloadFailed('unreachable', known)
    const answer = new AbortController()
    const timer = setTimeout(() => answer.abort(new Error('no answer')), timeouts.answerMs)
    const stop = (): void => answer.abort(signal?.reason)
    signal?.addEventListener('abort', stop)
    try {
      return await fetch(url, { dispatcher: agent, signal: answer.signal })
    } catch (error) {
      signal?.throwIfAborted()
      const phrase = `${url.host} not reachable (${reason(error)})`
      unreachable.set(url.host, phrase)
      throw new DownloadFailed('unreachable', phrase)
    } finally {
      clearTimeout(timer)
      if (signal?.aborted !== true) signal?.removeEventListener('abort', stop)
    }
  }

  return {
    fetch: async (download, file, report) => {
      const url = new URL(resolveAddress(download.url))
      const response = await open(url)
      if (!response.ok || response.body === null) {
        await response.body?.cancel()
        throw new DownloadFailed(
          'refused',
          `${url.host} answers ${String(response.status)} for ${url.pathname}`,
        )
      }
      const total = Number(response.headers.get('content-length') ?? 0)
      const hash = createHash(download.algorithm)
      let done = 0
      report.onStart()
      try {
        await pipeline(
          response.body,
          async function* (source: AsyncIterable<Uint8Array>) {
            for await (const chunk of source) {
              hash.update(chunk)
              done += chunk.length
              report.onBytes(done, total)
              yield chunk
            }
          },
          createWriteStream(file),
          signal === undefined ? {} : { signal },
        )
      } catch (error) {
        await rm(file, { force: true })
        signal?.throwIfAborted()
        throw new DownloadFailed(
          'broken',
          `${url.host} broke off after ${String(done)} bytes (${reason(error)})`,
        )
      }
      const digest = hash.digest('hex')
      if (digest === download.digest) return
      await rm(file, { force: true })
      throw new DownloadFailed(
        'checksum',
        `${url.href} has ${download.algorithm} ${digest}, but ${download.digest} is pinned: refused`,
      )
    },
    close: () => agent.close(),
  }
}

/** Unpacks a verified release file into `folder` as the table says. Rejects with CommandFailed or an I/O error. */
export const unpack = async (
  spec: ProgramSpec,
  download: Download,
  file: string,
  folder: string,
  unzip: () => Promise<string>,
): Promise<void> => {
  await mkdir(folder, { recursive: true })
  const { unpack: how } = download
  switch (how.kind) {
    case 'plain': {
      const target = join(folder, spec.file)
      await mkdir(dirname(target), { recursive: true })
      await runOrThrow(['cp', '--reflink=auto', file, target])
      await chmod(target, 0o755)
      return
    }
    case 'tar.gz': {
      const strip = `--strip-components=${String(how.strip)}`
      await runOrThrow(['tar', '-xzf', file, '-C', folder, '--no-same-owner', strip, ...how.members])
      return
    }
    case 'zip': {
      const whole = join(folder, '.zip')
      await runOrThrow([await unzip(), '-q', file, '-d', whole])
      for (const name of await readdir(join(whole, how.root))) {
        await rename(join(whole, how.root, name), join(folder, name))
      }
      await rm(whole, { recursive: true })
      // Module zips carry no permissions.
      for (const subfolder of how.executables) {
        for (const name of await readdir(join(folder, subfolder)))
          await chmod(join(folder, subfolder, name), 0o755)
      }
    }
  }
}
