import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { releaseImages } from '../cli/commands/images.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { chart, find, findCommand, readObjects, template } from './deploy/helm.ts'
import { blocksBelow, blocksOf, commandsBelow } from './support/docsPage.ts'
import { eventually } from './support/eventually.ts'
import { useUninstallCluster } from './support/uninstallCluster.ts'

/** docs/install.md and docs/upgrade.md word by word: their files and commands, in a shell against a real control plane. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const cluster = useUninstallCluster()
const run = promisify(execFile)
const image = 'registry.example/kmm-temporal:1'

let folder: string
let path: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kmm-install-docs-'))
  cpSync(join(import.meta.dirname, '../deploy'), join(folder, 'kmm-temporal/deploy'), { recursive: true })
  const helm = await ensurePrograms(['helm']).path('helm')
  path = [dirname(helm), dirname(cluster.kubectlPath), process.env['PATH']].join(':')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const checkout = () => join(folder, 'kmm-temporal')

/** What the page's blocks that begin with the name of a file are in. */
function writeFiles(file: string, heading: string): void {
  for (const { text } of blocksBelow(file, heading)) {
    const [, name] = /^# (\.\.\/\S+)\n/u.exec(text) ?? []
    if (name === undefined) continue
    const target = resolve(checkout(), name)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, text)
  }
}

/** Runs commands of a page. There is no kubelet: nothing is rolled out, and nothing can be read from a pod. */
async function follow(file: string, heading: string): Promise<void> {
  for (const block of commandsBelow(file, heading)) {
    if (/\b(logs|port-forward)\b/u.test(block)) continue
    const command = block.replaceAll('rollout status', 'rollout status --watch=false')
    await run('sh', ['-euc', command], { cwd: checkout(), env: { ...cluster.env, PATH: path } })
  }
}

interface Installed {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } }
}
interface Container {
  readonly image: string
  readonly env: readonly { readonly name: string; readonly value?: string }[]
}

async function operator() {
  const { spec } = await cluster.get<Installed>(
    'deployment',
    'kmm-operator-controller',
    '-n',
    'kmm-operator-system',
  )
  const [container] = spec.template.spec.containers
  const variable = (name: string) => container?.env.find((its) => its.name === name)?.value
  return {
    image: container?.image,
    worker: variable('RELATED_IMAGE_WORKER'),
    temporal: variable('TEMPORAL_ADDRESS'),
    temporalNamespace: variable('TEMPORAL_NAMESPACE'),
  }
}

const asThePageSays = {
  image,
  worker: image,
  temporal: 'temporal-frontend.temporal:7233',
  temporalNamespace: 'kmm',
}

async function enforcedLevel(namespace: string): Promise<string | undefined> {
  const found = await cluster.get<{ metadata: { labels: Record<string, string> } }>('namespace', namespace)
  return found.metadata.labels['pod-security.kubernetes.io/enforce']
}

/** Everything goes, so that the next installation starts from nothing. */
afterEach(async () => {
  await cluster.kubectl('delete', 'namespace', 'kmm-operator-system', 'drivers', '--ignore-not-found')
  for (const kinds of ['crds', 'clusterroles,clusterrolebindings'])
    await cluster.kubectl('delete', kinds, '-l', 'app.kubernetes.io/part-of=kmm')
  const policies = 'validatingadmissionpolicybindings,validatingadmissionpolicies'
  await cluster.kubectl('delete', policies, '-l', 'app.kubernetes.io/part-of=kmm')
  await eventually(
    'nothing is installed',
    () => cluster.installed(),
    (all) => expect(all).toEqual([]),
  )
})

test('Helm: install, check, upgrade and roll back', async () => {
  writeFiles('install.md', 'Install with Helm')
  await follow('install.md', 'Install with Helm')
  expect(await operator()).toEqual(asThePageSays)
  expect(await enforcedLevel('kmm-operator-system')).toBe('restricted')
  await follow('install.md', 'Check the installation')
  expect(await enforcedLevel('drivers')).toBe('privileged')
  await follow('upgrade.md', 'With Helm')
  expect(await operator()).toEqual(asThePageSays)
})

test('kustomize: install, check and upgrade', async () => {
  writeFiles('install.md', 'Install with kustomize')
  await follow('install.md', 'Install with kustomize')
  expect(await operator()).toEqual(asThePageSays)
  expect(await enforcedLevel('kmm-operator-system')).toBe('restricted')
  const { data } = await cluster.get<{ data: Record<string, string> }>(
    'configmap',
    'kmm-operator-manager-config',
    '-n',
    'kmm-operator-system',
  )
  expect(parse(data['controller_config.yaml'] ?? '')).toEqual({ build: { maxParallel: 4 } })
  await follow('install.md', 'Check the installation')
  await follow('upgrade.md', 'With kustomize')
  expect(await operator()).toEqual(asThePageSays)
})

test('kustomize with the embedded Temporal: the overlay as the page says to change it', async () => {
  const [overlay] = blocksBelow('install.md', 'Install with kustomize').filter(({ text }) =>
    text.includes('kind: Kustomization'),
  )
  const lines = (overlay?.text ?? '')
    .replace('kmm-temporal/deploy]', 'kmm-temporal/deploy/embedded-temporal]')
    .split('\n')
    .filter((line) => !line.includes('TEMPORAL_'))
  mkdirSync(join(folder, 'my-cluster'), { recursive: true })
  writeFileSync(join(folder, 'my-cluster/kustomization.yaml'), lines.join('\n'))
  const objects = readObjects(await cluster.kubectl('kustomize', join(folder, 'my-cluster')))
  const { initContainers } = find(objects, 'StatefulSet').spec.template.spec
  expect(initContainers.map((container: Container) => container.image)).toEqual([image])
  await follow('install.md', 'Install with kustomize')
  expect(await operator()).toMatchObject({
    image,
    worker: image,
    temporal: 'kmm-operator-temporal.kmm-operator-system.svc:7233',
  })
})

test('without access to the internet: the values name a copy of every image that the release refers to', () => {
  const [values] = blocksBelow('install.md', 'Without access to the internet').filter(
    ({ language }) => language === 'yaml',
  )
  const { controller, temporal } = parse(values?.text ?? '')
  const { image: server, uiImage } = temporal.embedded
  const withoutHost = (reference: string) => reference.slice(reference.indexOf('/'))
  expect([controller.buildImage, server, uiImage].map(withoutHost)).toEqual(
    releaseImages().map((needed) => withoutHost(needed.image)),
  )
})

test.each(['install.md', 'temporal.md', 'monitoring.md'])(
  'the chart takes the values of %s',
  async (file) => {
    const helm = await findCommand('helm')
    const known = Object.keys(parse(readFileSync(join(chart, 'values.yaml'), 'utf8')))
    const values = blocksOf(file).filter(
      ({ language, text }) =>
        language === 'yaml' && Object.keys(parse(text)).every((key) => known.includes(key)),
    )
    expect(values.length).toBeGreaterThan(0)
    for (const { text } of values) {
      const target = join(folder, 'values.yaml')
      writeFileSync(target, text)
      const objects = template(helm, 'kmm-operator-system', '--values', target)
      expect(find(objects, 'Deployment', 'kmm-operator-controller')).toBeDefined()
    }
  },
)
