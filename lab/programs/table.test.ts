import { describe, expect, test } from 'vitest'
import { programNames, programs } from './table.ts'
import { environmentVariable } from './types.ts'

describe.each(programs.map((spec) => [spec.name, spec] as const))('%s', (name, spec) => {
  test('can be had without the user: downloaded, compiled or from Debian', () => {
    expect(Object.keys(spec.downloads).length > 0 || spec.go !== undefined || spec.debian !== undefined).toBe(
      true,
    )
  })

  test('without downloads it can still be had from package registries', () => {
    const fromProxy = Object.values(spec.downloads).every(({ url }) => url.startsWith('{goproxy}/'))
    expect(spec.go !== undefined || spec.debian !== undefined || fromProxy).toBe(true)
  })

  test('every download is pinned: official address, version in it, checksum of the right length', () => {
    for (const { url, algorithm, digest } of Object.values(spec.downloads)) {
      expect(url).toMatch(/^(https:\/\/(github\.com|dl\.k8s\.io)\/|\{goproxy\}\/)/)
      expect(url).toContain(spec.version)
      expect(digest).toMatch(algorithm === 'sha256' ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{128}$/)
    }
  })

  test('a Go build is pinned to the version of the table and answers the version probe', () => {
    if (spec.go === undefined) return
    expect(spec.go.version).toBe(`v${spec.version}`)
    expect([spec.go.module, `${spec.go.module}/cmd/`]).toContain(
      spec.go.package.replace(/(?<=\/cmd\/).*/, ''),
    )
    expect(Object.values(spec.go.define).map((value) => value.replace(/^v/, ''))).toContain(spec.version)
  })

  test('has a variable of its own', () => {
    expect(
      programs.filter((other) => environmentVariable(other.name) === environmentVariable(name)),
    ).toHaveLength(1)
  })
})

test('programs of one group share release file and module', () => {
  for (const members of Map.groupBy(programs, ({ group }) => group).values()) {
    expect(new Set(members.map(({ downloads }) => downloads.x64?.url)).size).toBe(1)
    expect(new Set(members.map(({ go }) => go?.module)).size).toBe(1)
  }
})

test('checksums of different files differ', () => {
  const digests = new Map(
    programs.flatMap(({ downloads }) =>
      Object.values(downloads).map(({ url, digest }) => [url, digest] as const),
    ),
  )
  expect(new Set(digests.values()).size).toBe(digests.size)
})

test('the lab finds every program it names', () => {
  expect(programNames).toEqual(
    expect.arrayContaining(['kube-apiserver', 'temporal', 'kaniko-executor', 'chromium']),
  )
})
