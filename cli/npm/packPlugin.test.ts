import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { installPlugin } from './testing/installPlugin.ts'

const root = join(import.meta.dirname, '../..')
const module = join(root, 'deploy/examples/kmm-ci/kmm-ci.yaml')
const resolving = ['resolve', '-f', module, '--kernel', '6.1.0-1-amd64']
const loads = expect.stringContaining('load         modprobe -vd /opt kmm_ci_a')
const folder = mkdtempSync(join(tmpdir(), 'kmm-installed-'))
let bin = ''

beforeAll(async () => void (bin = await installPlugin(folder)))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs an installed program by its name, with the `node` of `nodes` or this one. */
async function run(
  name: string,
  line: readonly string[],
  { nodes = dirname(process.execPath), env = {} as NodeJS.ProcessEnv } = {},
) {
  const path = `${bin}:${nodes}:${process.env['PATH']}`
  const options = { env: { ...process.env, ...env, PATH: path }, cwd: folder }
  return await promisify(execFile)(name, line, options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: unknown; stdout: string; stderr: string }) => ({
      code,
      stdout,
      stderr,
    }),
  )
}

test('the package is the plugin alone: its code, its page and its licence', () => {
  const own = join(bin, '../lib/node_modules/kmm-temporal')
  for (const file of ['LICENSE', 'README.md', 'troubleshooting.md', 'uninstall.md'])
    expect(existsSync(join(own, file))).toBe(true)
  for (const part of [
    'worker',
    'workflows',
    'lab',
    'test',
    'cli/npm',
    'cli/args/args.test.ts',
    'api/testModule.ts',
  ])
    expect(existsSync(join(own, part))).toBe(false)
  const page = readFileSync(join(own, 'README.md'), 'utf8')
  for (const [, target = ''] of page.matchAll(/\]\(([^)#]+)/gu))
    expect(existsSync(join(own, target))).toBe(true)
  const { dependencies, engines } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as {
    readonly dependencies: object
    readonly engines: object
  }
  expect(Object.keys(dependencies)).not.toContain('@temporalio/worker')
  expect(engines).toEqual({ node: '>=24' })
})

test('it runs from where npm puts it, by its name', async () => {
  const help = await run('kubectl-kmod', ['--help'])
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('\nCommands:\n'), stderr: '' })
  expect(await run('kubectl-kmod', resolving)).toEqual({ code: 0, stdout: loads, stderr: '' })
  const images = await run('kubectl-kmod', ['images', '--release'])
  expect(images).toMatchObject({ code: 0, stdout: expect.stringContaining('executor') })
  expect((await run('kubectl_complete-kmod', ['li'])).stdout).toMatch(/^list\t/)
})

test('it finds every package it imports: those for the API server, and for Temporal', async () => {
  const file = join(folder, 'kubeconfig')
  const clusters = [{ name: 'c', cluster: { server: 'http://127.0.0.1:1' } }]
  const contexts = [{ name: 'c', context: { cluster: 'c', user: 'u' } }]
  const users = [{ name: 'u', user: {} }]
  writeFileSync(file, stringify({ 'current-context': 'c', clusters, contexts, users }))
  const env = { KUBECONFIG: file, TEMPORAL_ADDRESS: '' }
  const history = await run('kubectl-kmod', ['history', 'fpga'], { env })
  expect(history).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot reach the API server') })
})

test('a Node that is too old gives way to the one beside the package, else is told what is needed', async () => {
  const nodes = mkdtempSync(join(folder, 'old-'))
  const old = "Object.defineProperty(process.versions, 'node', { value: '20.9.0' })"
  const pretend = `data:text/javascript,${encodeURIComponent(old).replaceAll("'", '%27')}`
  writeFileSync(join(nodes, 'node'), `#!/bin/sh\nexec ${process.execPath} --import '${pretend}' "$@"\n`)
  chmodSync(join(nodes, 'node'), 0o755)
  expect(await run('kubectl-kmod', resolving, { nodes })).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^kubectl-kmod needs Node 24 or newer; this is v20\.9\.0\n$/),
  })
  const beside = join(bin, `../lib/node_modules/node-${process.platform}-${process.arch}/bin`)
  mkdirSync(beside, { recursive: true })
  symlinkSync(process.execPath, join(beside, 'node'))
  expect(await run('kubectl-kmod', resolving, { nodes })).toEqual({ code: 0, stdout: loads, stderr: '' })
})
