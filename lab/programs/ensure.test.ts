import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { prepare } from './ensure.ts'
import {
  archive,
  pinned,
  recordingProgress,
  scratchFolder,
  script,
  serve,
  sha256,
  tool,
  writeProgram,
} from './testing/fixtures.ts'
import type { ProgramSpec } from './types.ts'

const build = {
  module: 'example.test/tool',
  version: 'v1.0.0',
  package: 'example.test/tool/cmd/tool',
  define: {},
}

/** A table with `tool` and a go command that is the given script, found through its variable. */
const withGo = async (spec: ProgramSpec, goScript: string) => {
  const folder = await scratchFolder()
  await writeProgram(folder, 'upstream.mod', 'module example.test/tool\ngo 1.24\n')
  const go = await writeProgram(
    folder,
    'go',
    `#!/bin/sh\ncase "$1" in --version) echo "tool 1.26" ;; mod) echo '{"GoMod":"${folder}/upstream.mod"}' ;; build) ${goScript} ;; esac\n`,
  )
  const goSpec = tool({ name: 'go', group: 'go' })
  return { table: [{ ...spec, go: build }, goSpec], env: { KMM_LAB_GO: go } }
}

const goBuildsTool = `echo 'pkg/one' >&2; while [ "$1" != -o ]; do shift; done; mkdir -p "$(dirname "$2")"; printf '#!/bin/sh\\necho tool 1.0 compiled\\n' >"$2"; chmod +x "$2"`

describe('the order of sources', () => {
  test('PATH before the cache before a download', async () => {
    const [cacheDir, folder] = [await scratchFolder(), await scratchFolder()]
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      response.end(script('1.0'))
    })
    const table = [tool({}, pinned(url, sha256(script('1.0'))))]
    const progress = recordingProgress()
    const get = (folders: readonly string[]) =>
      prepare(table, ['tool'], { cacheDir, folders, env: {}, progress }).path('tool')

    const downloaded = await get([folder])
    expect(downloaded).toBe(join(cacheDir, 'programs/tool-1.0.0/tool'))
    progress.said.length = 0
    expect(await get([folder])).toBe(downloaded)
    expect(asked).toBe(1)
    expect(progress.said.filter((line) => line.startsWith('tool'))).toEqual([])
    const onPath = await writeProgram(folder, 'tool', script('1.5'))
    expect(await get([folder])).toBe(onPath)
    expect(asked).toBe(1)
  })

  test('an archive is downloaded once for all programs of the group', async () => {
    const [cacheDir, folder] = [await scratchFolder(), await scratchFolder()]
    const content = await archive(folder, script('1.0'))
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      response.end(content)
    })
    const download = pinned(url, sha256(content), { kind: 'tar.gz', members: ['release-1/tool'], strip: 1 })
    const table = [tool({}, download), tool({ name: 'second' }, download)]
    const paths = await prepare(table, ['tool', 'second'], { cacheDir, folders: [], env: {} }).all()
    expect([...paths.keys()]).toEqual(['tool', 'second'])
    expect(asked).toBe(1)
  })

  test('no network: compiled without an error being shown', async () => {
    const progress = recordingProgress()
    const { table, env } = await withGo(tool({}, pinned('https://downloads.invalid/tool', '')), goBuildsTool)
    const cacheDir = await scratchFolder()
    const made = prepare(table, ['tool'], { cacheDir, folders: [], env, progress })
    expect(await readFile(await made.path('tool'), 'utf8')).toContain('compiled')
    await made.finished
    expect(progress.said.filter((line) => line.includes('failed'))).toEqual([])
    expect(progress.said.find((line) => line.startsWith('tool done'))).toMatch(
      /^tool done: compiled \(downloads\.invalid not reachable \(.*\)\)$/,
    )
  })

  test('a wrong checksum is shown, refused, and the next source is taken', async () => {
    const progress = recordingProgress()
    const url = await serve((_, response) => response.end(script('1.0 evil')))
    const { table, env } = await withGo(tool({}, pinned(url, sha256('good'))), goBuildsTool)
    const cacheDir = await scratchFolder()
    const path = await prepare(table, ['tool'], { cacheDir, folders: [], env, progress }).path('tool')
    expect(await readFile(path, 'utf8')).toContain('compiled')
    expect(progress.said.join('\n')).toContain(`checksum mismatch: ${url}/ has sha256`)
  })
})

describe('failures', () => {
  test('name the program, what was tried, the last lines and the fix, and leave nothing', async () => {
    const { table, env } = await withGo(
      tool({}, pinned('https://downloads.invalid/tool', '')),
      'echo "main.go:1: undefined: x" >&2; exit 1',
    )
    const cacheDir = await scratchFolder()
    const made = prepare(table, ['tool'], { cacheDir, folders: [], env })
    const error = await made.path('tool').catch((caught: unknown) => String(caught))
    expect(error).toContain(
      'tool could not be prepared. Tried:\n  - PATH: not found\n  - download: downloads.invalid',
    )
    expect(error).toContain('  - go build example.test/tool/cmd/tool@v1.0.0: ')
    expect(error).toContain('    | main.go:1: undefined: x')
    expect(error).toContain('Fix: put tool 1 on PATH or set KMM_LAB_TOOL to its path.')
    await made.finished
    expect(await readdir(join(cacheDir, 'tmp'))).toEqual([])
    await expect(readdir(join(cacheDir, 'programs'))).rejects.toThrow('ENOENT')
  })

  test('a download that is not the wanted version is not kept', async () => {
    const url = await serve((_, response) => response.end(script('2.0')))
    const cacheDir = await scratchFolder()
    const table = [tool({}, pinned(url, sha256(script('2.0'))))]
    await expect(prepare(table, ['tool'], { cacheDir, folders: [], env: {} }).path('tool')).rejects.toThrow(
      'the result answers "tool 2.0"; wanted is tool 1',
    )
    await expect(readdir(join(cacheDir, 'programs'))).rejects.toThrow('ENOENT')
  })

  test('one failure does not keep other programs from being made', async () => {
    const url = await serve((_, response) => response.end(script('1.0')))
    const table = [tool({ name: 'bad', group: 'bad' }), tool({}, pinned(url, sha256(script('1.0'))))]
    const made = prepare(table, ['bad', 'tool'], { cacheDir: await scratchFolder(), folders: [], env: {} })
    await expect(made.path('bad')).rejects.toThrow('bad could not be prepared')
    expect(await made.path('tool')).toContain('tool-1.0.0')
  })

  test('an interrupt ends a compiler and leaves nothing', async () => {
    const interrupt = new AbortController()
    const { table, env } = await withGo(tool(), 'echo pkg >&2; exec sleep 600')
    const progress = recordingProgress()
    const cacheDir = await scratchFolder()
    const made = prepare(table, ['tool'], {
      cacheDir,
      folders: [],
      env,
      signal: interrupt.signal,
      progress: {
        ...progress,
        start: (name) => ({
          ...progress.start(name),
          say: (phase, detail) => {
            if (phase === 'compiling' && detail === '1 packages') interrupt.abort()
          },
        }),
      },
    })
    await expect(made.path('tool')).rejects.toThrow('aborted')
    await made.finished
    expect(await readdir(join(cacheDir, 'tmp'))).toEqual([])
  })
})

/** Another process that prepares the same program from the same cache. */
const otherProcess = (table: readonly ProgramSpec[], cacheDir: string) => {
  const ensure = JSON.stringify(fileURLToPath(new URL('ensure.ts', import.meta.url)))
  const probe = `{ kind: 'executable', names: ['tool'], probe: { args: [], accept: /^tool 1\\./m, wanted: 'tool 1' } }`
  const program = `
    import { prepare } from ${ensure}
    const table = ${JSON.stringify(table)}.map((spec) => ({ ...spec, lookup: ${probe} }))
    const made = prepare(table, ['tool'], { cacheDir: ${JSON.stringify(cacheDir)}, folders: [], env: {} })
    console.log(await made.path('tool'))`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

describe('several processes', () => {
  test('download a program once and both get it', async () => {
    const cacheDir = await scratchFolder()
    let asked = 0
    let answer: () => void = () => undefined
    const url = await serve((_, response) => {
      asked += 1
      answer = () => response.end(script('1.0'))
      arrived()
    })
    let arrived: () => void = () => undefined
    const firstRequest = new Promise<void>((resolve) => (arrived = resolve))
    const table = [tool({}, pinned(url, sha256(script('1.0'))))]
    const other = otherProcess(table, cacheDir)
    await firstRequest
    const progress = recordingProgress()
    const waited = new Promise<void>((resolve) => {
      progress.said.push = (...lines: string[]) => {
        if (lines.some((line) => line.includes('waiting for another process'))) resolve()
        return Array.prototype.push.apply(progress.said, lines)
      }
    })
    const mine = prepare(table, ['tool'], { cacheDir, folders: [], env: {}, progress })
    await waited
    answer()
    const [printed] = (await once(other.stdout, 'data')) as [Buffer]
    expect(await mine.path('tool')).toBe(printed.toString().trim())
    expect(asked).toBe(1)
  })

  test('kill -9 in the middle of a download leaves no half result', async () => {
    const cacheDir = await scratchFolder()
    let broken = true
    let arrived: () => void = () => undefined
    const half = new Promise<void>((resolve) => (arrived = resolve))
    const url = await serve((_, response) => {
      if (!broken) return void response.end(script('1.0'))
      response.writeHead(200).write('#!/bin/sh', () => arrived())
    })
    const table = [tool({}, pinned(url, sha256(script('1.0'))))]
    const other = otherProcess(table, cacheDir)
    await half
    other.kill('SIGKILL')
    await once(other, 'close')
    await expect(readdir(join(cacheDir, 'programs'))).rejects.toThrow('ENOENT')
    expect(await readdir(join(cacheDir, 'tmp'))).toHaveLength(1)
    broken = false
    const made = prepare(table, ['tool'], { cacheDir, folders: [], env: {} })
    expect(await readFile(await made.path('tool'), 'utf8')).toBe(script('1.0'))
    await made.finished
    expect(await readdir(join(cacheDir, 'tmp'))).toEqual([])
  })
})
