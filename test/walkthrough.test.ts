import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseLine } from '../cli/args/parse.ts'
import { commands } from '../cli/commands.ts'
import { readSettings } from '../lab/config.ts'
import { blocksOf } from './support/walkthrough/page.ts'
import { pageAddresses } from './support/walkthrough/reader.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const page = read('docs/walkthrough.md')

/** Lines that a reader types; test/scenarios/guest does it on a real lab. */
const typed = blocksOf(page)
  .flatMap((block) => block.typed.split('\n'))
  .filter((line) => line !== '')

describe('the walkthrough', () => {
  const calls = typed.filter((line) => line.startsWith('kubectl kmod '))

  test.each(calls)('%s', (line) => {
    const [, , name, ...words] = line.split(' ')
    const command = commands.find((candidate) => candidate.name === name)
    if (command === undefined) throw new Error(`there is no command ${name}`)
    const { arguments: given } = parseLine(command, words)
    for (const argument of given) expect(argument).toBe('kmm-ci-broken')
  })

  test('shows most of what the plugin does', () => {
    const shown = new Set(calls.map((line) => line.split(' ')[2]))
    for (const name of ['list', 'plan', 'status', 'logs', 'why', 'open', 'history'])
      expect(shown).toContain(name)
  })

  test('mends the example as it stands in deploy', () => {
    const [, before = '', after = ''] = /sed -i 's\/(.*?)\/(.*?)\/' fpga\.yaml/u.exec(page) ?? []
    const literal = (pattern: string) => pattern.replaceAll('\\\\', '\\')
    const example = read('deploy/examples/kmm-ci/broken-dockerfile.yaml')
    expect(example.split(literal(before))).toHaveLength(2)
    expect(example).not.toContain(literal(after))
    expect(page).toContain(`pr_info("kmm_ci_c: ${literal(after)}`)
    expect(example).toContain('name: kmm-ci-broken\n')
  })

  test('names the addresses of npm start', () => {
    const { temporalPort, uiPort } = readSettings('nowhere', {})
    const ip = '127.0.0.1'
    expect(pageAddresses).toEqual({ temporal: `${ip}:${temporalPort}`, ui: `http://${ip}:${uiPort}` })
    for (const address of Object.values(pageAddresses)) expect(page).toContain(`=${address}`)
  })

  test('shows output only under what is typed, and every fence is one of the two', () => {
    expect(blocksOf(page).every((block) => block.typed !== '')).toBe(true)
    const fences = page.match(/^```.*$/gmu) ?? []
    expect(new Set(fences)).toEqual(new Set(['```sh', '```text', '```']))
  })

  test('links to what is there', () => {
    for (const [, target = ''] of page.matchAll(/\]\(([^)#]+)/gu))
      expect(existsSync(join(root, 'docs', target))).toBe(true)
    expect(read('README.md')).toContain('docs/walkthrough.md')
  })
})
