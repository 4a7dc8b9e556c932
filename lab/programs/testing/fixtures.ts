import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { runOrThrow } from '../exec.ts'
import type { Progress } from '../progress.ts'
import type { Download, ProgramSpec, Unpack } from '../types.ts'

/** A folder that is removed after the test. */
export const scratchFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'kmm-programs-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A shell script that answers `version` and does `more`. */
export const script = (version: string, more = ''): string => `#!/bin/sh\n${more}\necho "tool ${version}"\n`

/** Writes an executable file and returns its path. */
export const writeProgram = async (folder: string, name: string, content: string): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, content)
  await chmod(path, 0o755)
  return path
}

/** A local HTTP server for the test; returns its address. */
export const serve = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

/** SHA-256 in hex. */
export const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex')

/** A tar.gz that holds `release-1/tool`. */
export const archive = async (folder: string, content: string): Promise<Buffer> => {
  await runOrThrow(['mkdir', '-p', join(folder, 'release-1')])
  await writeProgram(join(folder, 'release-1'), 'tool', content)
  await runOrThrow(['tar', '-czf', join(folder, 'tool.tar.gz'), '-C', folder, 'release-1'])
  return readFile(join(folder, 'tool.tar.gz'))
}

/** A pinned download for this machine. */
export const pinned = (url: string, digest: string, unpack: Unpack = { kind: 'plain' }): Download => ({
  url,
  algorithm: 'sha256',
  digest,
  unpack,
})

/** A program `tool` of version 1 with the given sources and no others. */
export const tool = (sources: Partial<ProgramSpec> = {}, download?: Download): ProgramSpec => ({
  name: 'tool',
  version: '1.0.0',
  group: 'tool',
  lookup: {
    kind: 'executable',
    names: ['tool'],
    probe: { args: ['--version'], accept: /^tool 1\./m, wanted: 'tool 1' },
  },
  file: 'tool',
  downloads: download === undefined ? {} : { x64: download, arm64: download },
  ...sources,
})

/** Progress that keeps what it is told. */
export const recordingProgress = (): Progress & { readonly said: string[] } => {
  const said: string[] = []
  return {
    said,
    start: (name) => ({
      say: (phase) => void said.push(`${name}: ${phase}`),
      done: (text) => void said.push(`${name} done: ${text}`),
      fail: (text) => void said.push(`${name} failed: ${text}`),
    }),
    note: (text) => void said.push(text),
    close: () => undefined,
  }
}
