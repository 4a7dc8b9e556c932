import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { apiVersion } from '../../api/names.ts'
import { chart, type Command, findCommand } from './helm.ts'

const release = 'kmm-temporal'
const namespace = 'kmm-release'

let folder: string
let helm: Command
let kubectl: Command
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kmm-release-'))
  const against = (command: Command): Command => {
    return (...args) => command('--kubeconfig', inject('kubeconfig'), ...args)
  }
  helm = against(await findCommand('helm'))
  kubectl = against(await findCommand('kubectl'))
}, 300_000)
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  kubectl('delete', 'module', '--namespace', namespace, 'kept', '--ignore-not-found')
})

/** Installs into the namespace, or upgrades there. */
const install = (...args: string[]) =>
  helm('upgrade', '--install', release, chart, '--namespace', namespace, '--create-namespace', ...args)
const replicas = () =>
  kubectl('-n', namespace, 'get', 'deployment', 'kmm-operator-controller', '-o', 'jsonpath={.spec.replicas}')

test('a release is installed into any namespace, upgraded and rolled back', () => {
  // The tier's own definitions, and what other tests have left of the operator, were made without Helm.
  expect(install('--take-ownership')).toContain(`is installed in namespace ${namespace}`)
  expect(replicas()).toBe('2')
  install('--set', 'controller.replicas=3')
  expect(replicas()).toBe('3')
  helm('rollback', release, '1', '--namespace', namespace)
  expect(replicas()).toBe('2')
})

test('definitions and Modules survive the uninstallation, and the next installation finds them', () => {
  const metadata = { name: 'kept', namespace }
  const spec = { selector: { 'example.com/gpu': '' } }
  const file = join(folder, 'module.json')
  writeFileSync(file, JSON.stringify({ apiVersion, kind: 'Module', metadata, spec }))
  install('--take-ownership')
  kubectl('apply', '-f', file)
  helm('uninstall', release, '--namespace', namespace)
  const deployments = kubectl('get', 'deployment', '-n', namespace, '--ignore-not-found', '-o', 'name')
  expect(deployments).toBe('')
  expect(kubectl('get', 'module', 'kept', '-n', namespace, '-o', 'name')).toContain('/kept')
  install()
  expect(kubectl('get', 'module', 'kept', '-n', namespace, '-o', 'name')).toContain('/kept')
  helm('uninstall', release, '--namespace', namespace)
})
