import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]

/** Text without blocks and code, in which brackets are no links. */
const prose = (page: string) => page.replaceAll(/^ *```.*?^ *```$/gmsu, '').replaceAll(/`[^`\n]*`/gu, '')

/** The anchors that GitHub gives to headings. */
function anchorsOf(page: string): string[] {
  const headings = [...page.replaceAll(/^ *```.*?^ *```$/gmsu, '').matchAll(/^#+ (.*)$/gmu)]
  return headings.map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

describe.each(pages)('%s', (file) => {
  const page = read(file)

  test('links to files, folders and headings that are there', () => {
    const links = [...prose(page).matchAll(/\]\(([^)\s]+)\)/gu)].map(([, target = '']) => target)
    const broken = links.filter((target) => {
      if (/^https?:/u.test(target)) return false
      const [path = '', anchor] = target.split('#')
      const to = path === '' ? file : relative(root, join(root, dirname(file), path))
      if (!existsSync(join(root, to))) return true
      return anchor !== undefined && !anchorsOf(read(to)).includes(anchor)
    })
    expect(broken).toEqual([])
  })
})

test('the README leads to every page', () => {
  const readme = read('README.md')
  const missing = pages.filter((file) => /^docs\/[^/]+$/u.test(file) && !readme.includes(`](${file})`))
  expect(missing).toEqual([])
})

test('a page that code or manifests name is there', () => {
  const files = globSync('{api,activities,cli,deploy,lab,loader,signer,worker,workflows,release,test}/**/*', {
    cwd: root,
  }).filter(
    (file) => /\.(?:ts|js|yaml|tpl|txt|json)$|Dockerfile$/u.test(file) && !file.includes('histories/'),
  )
  const named = files.flatMap((file) => read(file).match(/\bdocs\/[a-z-]+\.md\b/gu) ?? [])
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((page) => !existsSync(join(root, page)))).toEqual([])
})
