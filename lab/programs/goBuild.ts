import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CommandFailed, endingWithUs, run, runOrThrow } from './exec.ts'
import type { GoBuild } from './types.ts'

const downloadedModule = z.object({ GoMod: z.string() })

/**
 * Writes the go.mod from which a program is compiled. The module's own `go` line is kept, so that the go command takes
 * a fitting toolchain. `siblings` replaces what the module itself replaces by local folders (Kubernetes' staging
 * modules) by their published version.
 */
export const composeGoMod = (build: GoBuild, upstream: string): string => {
  const language = /^go .+$/m.exec(upstream)?.[0] ?? 'go 1.24'
  const replaced = [
    ...upstream.matchAll(/^[ \t]*(?:replace[ \t]+)?(\S+)(?:[ \t]+\S+)?[ \t]+=>[ \t]+\.{1,2}\/\S*/gm),
  ].map((match) => match[1] ?? '')
  if (replaced.length > 0 && build.siblings === undefined)
    throw new Error(
      `${build.module} ${build.version} replaces ${replaced.join(', ')} by local folders and cannot be compiled ` +
        `from the module proxy: pin another version in the table`,
    )
  return [
    `module kmm-temporal.invalid/programs`,
    language,
    `require ${build.module} ${build.version}`,
    ...replaced.map((sibling) => `replace ${sibling} => ${sibling} ${build.siblings ?? ''}`),
    '',
  ].join('\n')
}

/** Environment of every go command: reproducible, static, independent of the user's Go settings except proxies. */
export const goEnvironment = (env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv => ({
  ...env,
  CGO_ENABLED: '0',
  GOFLAGS: '-buildvcs=false -trimpath -mod=mod',
  GOTOOLCHAIN: 'auto',
  GO111MODULE: 'on',
  GOWORK: 'off',
  GOOS: '',
  GOARCH: '',
})

/**
 * Compiles a program into `output` with the go command `go`, working in `folder` (made when missing, may be shared by
 * programs of one module). `onPackage` hears the count of packages compiled so far. Rejects with CommandFailed, whose
 * tail holds the compiler's last lines.
 */
export const compile = async (
  go: string,
  build: GoBuild,
  folder: string,
  output: string,
  options: { readonly signal?: AbortSignal; readonly onPackage?: (count: number) => void },
): Promise<void> => {
  await mkdir(folder, { recursive: true })
  const env = goEnvironment()
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  // Outside of any go.mod of ours: the module's own go.mod is needed to write it.
  const answer = await runOrThrow([go, 'mod', 'download', '-json', `${build.module}@${build.version}`], {
    env: { ...env, GOFLAGS: '' },
    cwd: folder,
    ...signal,
  })
  const upstream = await readFile(downloadedModule.parse(JSON.parse(answer)).GoMod, 'utf8')
  await writeFile(join(folder, 'go.mod'), composeGoMod(build, upstream))
  const define = Object.entries(build.define ?? {}).map(([name, value]) => `-X ${name}=${value}`)
  const argv = [
    go,
    'build',
    '-v',
    '-ldflags',
    ['-s -w', ...define].join(' '),
    '-o',
    output,
    build.package,
  ] as const
  let packages = 0
  const result = await run(endingWithUs(argv), {
    env,
    cwd: folder,
    ...signal,
    onLine: (line) => {
      if (!line.startsWith('go: ')) packages += 1
      options.onPackage?.(packages)
    },
  })
  options.signal?.throwIfAborted()
  if (result.code !== 0) throw new CommandFailed(argv, result)
}
