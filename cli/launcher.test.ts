import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

const root = join(import.meta.dirname, '..')

test('it runs as npm installs it: below node_modules, called by a link', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kmm-plugin-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const modules = join(folder, 'node_modules')
  const own = join(modules, 'kmm-temporal')
  mkdirSync(own, { recursive: true })
  for (const part of ['package.json', 'api', 'cli']) {
    cpSync(join(root, part), join(own, part), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(own, 'node_modules'))
  for (const name of ['kubectl-kmod', 'kubectl_complete-kmod']) {
    symlinkSync(join(own, 'cli', `${name}.js`), join(folder, name))
  }
  const file = join(root, 'deploy/examples/kmm-ci/kmm-ci.yaml')
  const run = async (name: string, line: readonly string[]) =>
    await promisify(execFile)(process.execPath, [join(folder, name), ...line])
  const resolved = await run('kubectl-kmod', ['resolve', '-f', file, '--kernel', '6.1.0-1-amd64'])
  expect(resolved.stderr).toBe('')
  expect(resolved.stdout).toContain('load         modprobe -vd /opt kmm_ci_a')
  expect((await run('kubectl_complete-kmod', ['li'])).stdout).toMatch(/^list\t/)
})
