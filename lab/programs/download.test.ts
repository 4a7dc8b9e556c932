import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createDownloader, resolveAddress, unpack, type DownloadFailure } from './download.ts'
import {
  archive,
  pinned,
  scratchFolder,
  script,
  serve,
  sha256,
  tool,
  writeProgram,
} from './testing/fixtures.ts'
import { runOrThrow } from './exec.ts'

const silent = { onStart: () => undefined, onBytes: () => undefined }

const failureOf = async (
  url: string,
  digest = sha256('x'),
): Promise<{ failure: DownloadFailure; message: string }> => {
  const folder = await scratchFolder()
  const downloader = createDownloader(undefined, { connectMs: 500, answerMs: 500 })
  const error: unknown = await downloader
    .fetch(pinned(url, digest), join(folder, 'file'), silent)
    .catch((caught: unknown) => caught)
  await expect(stat(join(folder, 'file'))).rejects.toThrow('ENOENT')
  return error as { failure: DownloadFailure; message: string }
}

describe('createDownloader', () => {
  test('writes a file whose checksum is the pinned one and reports its size', async () => {
    const folder = await scratchFolder()
    const url = await serve((_, response) => response.setHeader('content-length', 5).end('hello'))
    const seen: number[] = []
    await createDownloader().fetch(pinned(`${url}/tool`, sha256('hello')), join(folder, 'file'), {
      onStart: () => undefined,
      onBytes: (done, total) => seen.push(done, total),
    })
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('hello')
    expect(seen).toEqual([5, 5])
  })

  test('refuses another content and leaves no file', async () => {
    const url = await serve((_, response) => response.end('evil'))
    const { failure, message } = await failureOf(`${url}/tool`, sha256('hello'))
    expect(failure).toBe('checksum')
    expect(message).toBe(
      `${url}/tool has sha256 ${sha256('evil')}, but ${sha256('hello')} is pinned: refused`,
    )
  })

  test('an unknown host is unreachable', async () => {
    const { failure, message } = await failureOf('https://downloads.invalid/tool')
    expect(failure).toBe('unreachable')
    expect(message).toMatch(/^downloads\.invalid not reachable \(/)
  })

  test('a host that never answers is unreachable', async () => {
    const url = await serve(() => undefined)
    expect((await failureOf(url)).failure).toBe('unreachable')
  })

  test('an unreachable host is not tried twice', async () => {
    const folder = await scratchFolder()
    let asked = 0
    const url = await serve(() => {
      asked += 1
    })
    const downloader = createDownloader(undefined, { connectMs: 500, answerMs: 300 })
    for (const name of ['a', 'b'])
      await expect(
        downloader.fetch(pinned(`${url}/${name}`, ''), join(folder, name), silent),
      ).rejects.toThrow('not reachable')
    expect(asked).toBe(1)
  })

  test('an error status is a refusal', async () => {
    const url = await serve((_, response) => response.writeHead(404).end('no'))
    const { failure, message } = await failureOf(`${url}/tool`)
    expect(failure).toBe('refused')
    expect(message).toContain('answers 404 for /tool')
  })

  test('a connection that breaks off leaves no file', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy())
    })
    expect((await failureOf(url)).failure).toBe('broken')
  })

  test('an abort ends it', async () => {
    const folder = await scratchFolder()
    const interrupt = new AbortController()
    const url = await serve((_, response) => {
      response.writeHead(200).write('half', () => interrupt.abort())
    })
    await expect(
      createDownloader(interrupt.signal).fetch(pinned(url, ''), join(folder, 'file'), silent),
    ).rejects.toThrow('aborted')
    await expect(stat(join(folder, 'file'))).rejects.toThrow('ENOENT')
  })
})

describe('unpack', () => {
  const noUnzip = (): Promise<string> => Promise.reject(new Error('not needed'))

  test('takes the wanted members out of a tar.gz', async () => {
    const folder = await scratchFolder()
    await archive(folder, script('1.0'))
    const how = { kind: 'tar.gz', members: ['release-1/tool'], strip: 1 } as const
    await unpack(tool(), pinned('', '', how), join(folder, 'tool.tar.gz'), join(folder, 'out'), noUnzip)
    expect(await readFile(join(folder, 'out/tool'), 'utf8')).toBe(script('1.0'))
  })

  test('makes a plain file executable', async () => {
    const folder = await scratchFolder()
    await writeProgram(folder, 'download', script('1.0'))
    await unpack(
      tool({ file: 'bin/tool' }),
      pinned('', ''),
      join(folder, 'download'),
      join(folder, 'out'),
      noUnzip,
    )
    expect((await stat(join(folder, 'out/bin/tool'))).mode & 0o111).toBe(0o111)
  })

  test('takes the root of a module zip with a given unzip and sets permissions', async () => {
    const folder = await scratchFolder()
    // A stand-in for unzip: this test is about what is done with its result.
    const unzip = await writeProgram(
      folder,
      'unzip',
      '#!/bin/sh\nmkdir -p "$4/mod@v1/bin" "$4/mod@v1/lib" && echo >"$4/mod@v1/bin/go" && echo >"$4/mod@v1/lib/x"\n',
    )
    const how = { kind: 'zip', root: 'mod@v1', executables: ['bin'] } as const
    await unpack(tool(), pinned('', '', how), '/x.zip', join(folder, 'out'), () => Promise.resolve(unzip))
    expect((await runOrThrow(['ls', '-A', join(folder, 'out')])).split('\n')).toEqual(['bin', 'lib'])
    expect((await stat(join(folder, 'out/bin/go'))).mode & 0o111).toBe(0o111)
    expect((await stat(join(folder, 'out/lib/x'))).mode & 0o111).toBe(0)
  })
})

test.each([
  [undefined, 'https://proxy.golang.org/m/@v/v1.zip'],
  ['off', 'https://proxy.golang.org/m/@v/v1.zip'],
  ['direct,http://mirror.test/go/|https://other.test', 'http://mirror.test/go/m/@v/v1.zip'],
])('GOPROXY=%s gives %s', (value, address) => {
  expect(resolveAddress('{goproxy}/m/@v/v1.zip', { GOPROXY: value })).toBe(address)
})
