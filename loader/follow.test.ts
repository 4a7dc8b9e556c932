import { expect, it } from 'vitest'
import { follow, type Entry, type Root } from './follow.ts'

/** A tree of links by their paths, and folders; `looks` counts what is asked of it. */
function treeOf(entries: Readonly<Record<string, string>>, above: Root['above'] = 'leaves') {
  const tree = {
    looks: 0,
    above,
    enter: (absolute: string) =>
      absolute.startsWith('/root/') ? absolute.slice('/root/'.length) : undefined,
    look: async (path: string): Promise<Entry> => {
      tree.looks++
      const text = entries[path]
      if (text === undefined) return { kind: 'nothing' }
      return text === '' ? { kind: 'folder' } : { kind: 'link', text }
    },
  }
  return tree
}

it.each<[string, Record<string, string>, string, object]>([
  ['folders', { a: '', 'a/b': '' }, 'a/./b/', { kind: 'folder', path: 'a/b', missing: [] }],
  ['what is missing', { a: '' }, 'a/b/c', { kind: 'nothing', path: 'a/b/c', missing: ['a/b', 'a/b/c'] }],
  ['links', { a: '', 'a/l': '../b', b: '' }, 'a/l/c', { path: 'b/c', missing: ['b/c'], dangling: false }],
  ['a link to nothing', { l: 'x' }, 'l/c', { path: 'x/c', dangling: true }],
  ['".." after a link', { y: '.' }, 'y/../c', { kind: 'leaves' }],
  ['an absolute link within', { a: '', 'a/l': '/root/b', b: '' }, 'a/l', { kind: 'folder', path: 'b' }],
  ['an absolute link elsewhere', { l: '/etc' }, 'l', { kind: 'leaves' }],
  ['".." above the root', {}, '..', { kind: 'leaves' }],
])('%s', async (_, entries, path, expected) => {
  expect(await follow(treeOf(entries), path)).toMatchObject(expected)
})

it('".." in the root of a file system stays there', async () => {
  expect(await follow(treeOf({ l: '../../x', x: '' }, 'stays'), '../l')).toMatchObject({
    kind: 'folder',
    path: 'x',
  })
})

it.each([
  ['a circle', { y: 'z', z: 'y' }],
  ['links that grow', { y: `${'a/../'.repeat(800)}y`, a: '' }],
])('looks only so often through %s', async (_, entries) => {
  const tree = treeOf(entries)
  expect(await follow(tree, 'y')).toEqual({ kind: 'endless' })
  expect(tree.looks).toBeLessThanOrEqual(2_000)
})
