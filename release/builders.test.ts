import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { findBuilder } from './builders.ts'
import { CommandFailed } from './run.ts'

const folder = mkdtempSync(join(tmpdir(), 'kmm-builders-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** An environment in which these programs exist, as scripts that note how they are called. */
function environment(scripts: Readonly<Record<string, string>>) {
  const path = mkdtempSync(join(folder, 'bin-'))
  const calls = join(path, 'calls')
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(path, name), `#!/bin/sh\necho "${name} $*" >> ${calls}\n${script}\n`)
    chmodSync(join(path, name), 0o755)
  }
  return { env: { PATH: path }, calls }
}

const image = {
  project: folder,
  architecture: 'arm64',
  name: 'localhost/kmm:1',
  buildArgs: { VERSION: '1' },
  file: '/out/a.tar',
} as const
const flags = '--platform=linux/arm64 --file=deploy/Dockerfile --tag=localhost/kmm:1 --build-arg=VERSION=1'

test('docker buildx: its platforms, one command', async () => {
  const inspect = 'echo "Name: default"; echo "Platforms: linux/amd64*, linux/arm64, linux/arm/v7"'
  const { env, calls } = environment({ docker: inspect, podman: '' })
  const builder = await findBuilder(env)
  expect(builder).toMatchObject({ name: 'docker buildx', architectures: ['amd64', 'arm64', 'arm'] })
  await builder?.build(image)
  expect(readFileSync(calls, 'utf8').split('\n').slice(1)).toEqual([
    `docker buildx build ${flags} --output=type=docker,dest=/out/a.tar .`,
    '',
  ])
})

test.each([
  ['podman', 'podman save --format=docker-archive --output=/out/a.tar localhost/kmm:1'],
  ['buildah', 'buildah push --quiet localhost/kmm:1 docker-archive:/out/a.tar:localhost/kmm:1'],
])('%s, where docker does not work: build and save', async (name, save) => {
  const { env, calls } = environment({ docker: 'exit 1', [name]: '' })
  const builder = await findBuilder(env)
  expect(builder?.name).toBe(name)
  expect(builder?.architectures).toContain(process.arch === 'x64' ? 'amd64' : process.arch)
  await builder?.build(image)
  expect(readFileSync(calls, 'utf8').split('\n').slice(2)).toEqual([`${name} build ${flags} .`, save, ''])
})

test('none; and one whose build fails', async () => {
  expect(await findBuilder(environment({}).env)).toBeUndefined()
  const failing = environment({ podman: 'case $1 in build) echo no base >&2; exit 1;; esac' })
  const failure = (await findBuilder(failing.env))?.build(image)
  await expect(failure).rejects.toThrow(CommandFailed)
  await expect(failure).rejects.toThrow('podman build: no base')
})
