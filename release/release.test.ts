import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { ImagesLock } from '../api/imagesLock.ts'
import type { Builder } from './builders.ts'
import { release, type ReleaseOptions } from './release.ts'
import { testProject } from './testing/testProject.ts'
import { writeImageTar } from './testing/writeImageTar.ts'

const folder = mkdtempSync(join(tmpdir(), 'kmm-release-'))
afterAll(() => rmSync(folder, { recursive: true }))

const digest = `sha256:${'a'.repeat(64)}`
const base = { reference: 'docker.io/library/node:24', use: 'base' } as const
const locked: ImagesLock = { images: [{ ...base, digest }] }
const time = '2026-01-01T00:00:00Z'
const helm = join(folder, 'helm')
const project = join(folder, 'project')
const version = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version
let revision = ''

beforeAll(() => {
  // The chart's package is tested with the real one.
  writeFileSync(helm, '#!/bin/sh\necho "$@" > "$8/kmm-temporal-$4.tgz"\n')
  chmodSync(helm, 0o755)
  testProject(project, locked, time)
  revision = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: project, encoding: 'utf8' }).trim()
})

const labels = (more: object = {}) => ({
  'org.opencontainers.image.version': version,
  'org.opencontainers.image.revision': revision,
  ...more,
})

async function make(more: Partial<ReleaseOptions> = {}) {
  const lines: string[] = []
  const report = (line: string) => void lines.push(line)
  const out = join(folder, `out-${Math.random()}`)
  const options = { project, version, out, allowUnlocked: false, imageTars: [], builder: undefined, url: '' }
  await release({ ...options, helm: () => Promise.resolve(helm), report, ...more })
  return { out: more.out ?? out, said: lines.join('\n') }
}

describe('a release', () => {
  const built: unknown[] = []
  const builder: Builder = {
    name: 'a builder',
    architectures: ['amd64'],
    build: async ({ architecture, file, buildArgs }) => {
      built.push(buildArgs)
      writeImageTar(file, { architecture, layers: [{ a: 'b' }], labels: labels() })
      await Promise.resolve()
    },
  }
  let made: Awaited<ReturnType<typeof make>>
  beforeAll(async () => void (made = await make({ builder, url: 'https://example.com/v1/' })))

  test('has every part, with checksums of all', () => {
    expect(readdirSync(made.out).toSorted()).toEqual(
      [
        'SHA256SUMS',
        'kmm-temporal-0.1.0-linux-amd64.spdx.json',
        'kmm-temporal-0.1.0-linux-amd64.tar',
        'kmm-temporal-0.1.0.tgz',
        'kmod.yaml',
        'kubectl-kmod-0.1.0-npm.tgz',
        'kubectl-kmod-0.1.0.tar.gz',
      ].map((name) => name.replace('0.1.0', version)),
    )
    expect(statSync(made.out).mode & 0o777).toBe(0o755)
    const sums = readFileSync(join(made.out, 'SHA256SUMS'), 'utf8')
    expect(sums.trim().split('\n')).toHaveLength(6)
    execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: made.out })
  })

  test('the image is built from the locked base, and an architecture that cannot be built is reported', () => {
    expect(built).toEqual([
      { BASE: `docker.io/library/node:24@${digest}`, VERSION: version, REVISION: revision },
    ])
    expect(made.said).toContain('image for arm64: left out, a builder cannot run programs for it here')
  })

  test('the archive for krew runs by itself, and the manifest names it', async () => {
    const archive = join(made.out, `kubectl-kmod-${version}.tar.gz`)
    const manifest = parse(readFileSync(join(made.out, 'kmod.yaml'), 'utf8')) as {
      readonly spec: { readonly platforms: readonly { uri: string; sha256: string; bin: string }[] }
    }
    const [platform] = manifest.spec.platforms
    expect(platform?.uri).toBe(`https://example.com/v1/kubectl-kmod-${version}.tar.gz`)
    expect(execFileSync('sha256sum', [archive], { encoding: 'utf8' })).toContain(platform?.sha256)
    const unpacked = join(folder, 'krew')
    mkdirSync(unpacked)
    execFileSync('tar', ['-xzf', archive, '-C', unpacked])
    const program = join(unpacked, platform?.bin ?? '')
    const images = await promisify(execFile)(process.execPath, [program, 'images', '--release'])
    expect(images.stdout).toContain('gcr.io/kaniko-project/executor')
    const kubeconfig = join(folder, 'kubeconfig')
    const clusters = '[{name: c, cluster: {server: "http://127.0.0.1:1"}}]'
    const contexts = '[{name: c, context: {cluster: c, user: u}}]'
    writeFileSync(
      kubeconfig,
      `{current-context: c, clusters: ${clusters}, contexts: ${contexts}, users: [{name: u, user: {}}]}`,
    )
    const history = promisify(execFile)(process.execPath, [
      program,
      'history',
      'a',
      '--kubeconfig',
      kubeconfig,
    ])
    await expect(history).rejects.toThrow('cannot reach the API server')
  })

  test('with an unlocked image is one for tests; a given image is taken; the same commit gives the same plugin', async () => {
    const other = join(folder, 'unlocked')
    testProject(other, { images: [{ ...base, digest: null }] }, time)
    const tar = join(folder, 'arm64.tar')
    const revisionOfOther = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: other,
      encoding: 'utf8',
    }).trim()
    const own = labels({ 'org.opencontainers.image.revision': revisionOfOther })
    writeImageTar(tar, { architecture: 'arm64', layers: [{ a: 'b' }], labels: own })
    const out = join(folder, 'empty')
    mkdirSync(out)
    const { said } = await make({ project: other, allowUnlocked: true, imageTars: [tar], out })
    expect(readFileSync(join(out, 'TEST-RELEASE.txt'), 'utf8')).toContain(base.reference)
    expect(said).toContain(
      'image for amd64: left out, nothing builds it here (docker buildx, podman or buildah would)',
    )
    const images = readdirSync(out).filter((name) => name.includes('linux'))
    expect(images.toSorted()).toEqual(
      ['spdx.json', 'tar'].map((type) => `kmm-temporal-${version}-linux-arm64.${type}`),
    )
    const sums = (place: string) =>
      readFileSync(join(place, 'SHA256SUMS'), 'utf8')
        .split('\n')
        .filter((line) => line.includes('kubectl-kmod'))
    expect(sums(out)).toEqual(sums(made.out))
    expect(sums(out)).toHaveLength(2)
  })
})

test('an image of another commit is refused, and nothing is left behind', async () => {
  const tar = join(folder, 'other.tar')
  const other = labels({ 'org.opencontainers.image.revision': 'abc' })
  writeImageTar(tar, { architecture: 'arm64', layers: [{ a: 'b' }], labels: other })
  const out = join(folder, 'none')
  await expect(make({ imageTars: [tar], out })).rejects.toThrow('revision "abc": build it with')
  expect(readdirSync(folder).filter((name) => name.startsWith('none'))).toEqual([])
})

test('what stands in the way is named at once; nothing is made', async () => {
  const other = join(folder, 'dirty')
  testProject(other, { images: [{ ...base, digest: null }] }, time)
  writeFileSync(join(other, 'new'), '')
  const out = join(folder, 'occupied')
  mkdirSync(out)
  writeFileSync(join(out, 'file'), '')
  const refused = await make({ project: other, version: '1.2', out }).catch((error: unknown) => String(error))
  expect(refused).toContain('"1.2" is not a version')
  expect(refused).toContain('run "npm version --no-git-tag-version 1.2"')
  expect(refused).toContain('?? new')
  expect(refused).toContain(`no digest of ${base.reference}: run "npm run lock-images"`)
  expect(refused).toContain(`${out} is not empty`)
  expect(readdirSync(out)).toEqual(['file'])
})
