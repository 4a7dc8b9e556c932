import { expect, test } from 'vitest'
import { lockFaults } from './lockFaults.ts'

const good = { version: '1.2.3', integrity: `sha512-${'a'.repeat(86)}==` }
const path = 'node_modules/a'
function faultsOf(its: object, { allowScripts = {}, listed = {} } = {}, at = path): string[] {
  const lock = { lockfileVersion: 3, packages: { '': { name: 'x' }, [at]: { ...good, ...its } } }
  return lockFaults(lock, { name: 'x', allowScripts }, listed)
}
const scripted = { hasInstallScript: true }

test.each<[string, object]>([
  ['a version and a hash', {}],
  ['a version before the first', { version: '1.0.0-rc.1+build.5' }],
  ['an archive of a registry', { resolved: 'https://registry.example/a/-/a-1.2.3.tgz' }],
])('%s: nothing is wrong', (_name, its) => {
  expect(faultsOf(its)).toEqual([])
})

test.each<[string, object, RegExp]>([
  ['no hash', { integrity: undefined }, /^node_modules\/a: has no SHA-512 hash/],
  ['a weak hash', { integrity: 'sha1-aaaa' }, /has no SHA-512 hash/],
  ['no version', { version: undefined }, /^node_modules\/a: has no exact version$/],
  ['a range', { version: '^1.2.3' }, /has no exact version/],
  ['a folder', { link: true, resolved: 'packages/a' }, /is a folder/],
  ['a git repository', { resolved: 'git+ssh://git@host.example/a.git#1' }, /comes from git\+ssh/],
  ['no encryption', { resolved: 'http://registry.example/a-1.2.3.tgz' }, /not from a registry by https/],
])('%s is a fault', (_name, its, message) => {
  expect(faultsOf(its)).toEqual([expect.stringMatching(message)])
})

test('an install script is a fault unless it is listed with a reason and turned off', () => {
  expect(faultsOf(scripted)).toEqual(['a: runs an install script that is not listed with a reason'])
  expect(faultsOf(scripted, { listed: { a: 'why' } })).toEqual([expect.stringMatching(/does not turn/)])
  expect(faultsOf(scripted, { listed: { a: 'why' }, allowScripts: { a: true } })).toHaveLength(1)
  expect(faultsOf(scripted, { listed: { a: 'why' }, allowScripts: { a: false } })).toEqual([])
})

test('also of a package that another one brings, by its own name', () => {
  const deep = 'node_modules/b/node_modules/@s/a'
  expect(faultsOf(scripted, {}, deep)).toEqual([expect.stringMatching(/^@s\/a: runs an install script/)])
})

test('what is listed and has no script any more is a fault', () => {
  expect(faultsOf({}, { listed: { a: 'why' } })).toEqual(['a: is listed and has no install script'])
  expect(faultsOf({}, { allowScripts: { a: false } })).toEqual([
    expect.stringMatching(/^a: is in allowScripts/),
  ])
})

test('another format of the lock file is refused', () => {
  expect(() => lockFaults({ lockfileVersion: 2, packages: {} }, {}, {})).toThrow()
})
