import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { apiVersion, labels } from '../api/names.ts'
import { applyManifests } from '../lab/applyManifests.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { core, createModule, custom, modules, namespace, refusal } from './moduleApi.ts'
import { smallSpec } from './moduleSpecs.ts'

const soon = { timeout: 90_000, interval: 200 }

beforeAll(async () => {
  const policies = join(import.meta.dirname, '../deploy/kustomize/policies.yaml')
  await applyManifests(inject('kubeconfig'), [policies])
  const tooLong = () => refusal(createModule(smallSpec(), 'a'.repeat(63), 'All'))
  await vi.waitFor(async () => expect(await tooLong()).toContain('kmm-module'), soon)
  await vi.waitFor(async () => expect(await warnings(smallSpec())).not.toEqual([]), soon)
})

/** The texts of the answer's Warning headers. */
async function warnings(spec: object): Promise<string[]> {
  const body = { apiVersion, kind: 'Module', metadata: { name: 'warned', namespace }, spec }
  const { headers } = await custom.createNamespacedCustomObjectWithHttpInfo({
    ...modules,
    body,
    dryRun: 'All',
  })
  return [...(headers['warning'] ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/gu)].map(([, text = '']) => text)
}

describe('images:VAL-2', () => {
  test('name and namespace have 41 characters together', async () => {
    const room = 41 - namespace.length
    expect(await refusal(createModule(smallSpec(), 'a'.repeat(room), 'All'))).toContain('nothing')
    expect(await refusal(createModule(smallSpec(), 'a'.repeat(room + 1), 'All'))).toContain(
      'metadata.name: name and namespace may have 41 characters together, these have 42',
    )
  })
})

describe('images:VAL-5 hostPath', () => {
  test.each([
    ['/dev', true],
    ['/var/lib/acme', true],
    ['/device', false],
    ['/etc', false],
    ['/var/../etc', false],
    ['/', false],
  ])('%s: taken %s', async (path, taken) => {
    const pods = { container: { image: 'a:1' }, volumes: [{ name: 'v', hostPath: { path } }] }
    for (const [field, spec] of [
      ['spec.devicePlugin', { selector: {}, devicePlugin: pods }],
      ['spec.dra', { selector: {}, dra: { ...pods, driverName: 'd' } }],
    ] as const) {
      const answer = await refusal(createModule(spec, undefined, 'All'))
      expect(answer).toContain(
        taken ? 'nothing' : `${field}.volumes[v].hostPath.path: a hostPath must be, or lie below, /dev`,
      )
    }
  })
})

describe('images:1.1 selector', () => {
  test.each([
    [{ 'example.com/gpu': '' }, true],
    [{ 'no label': 'a' }, false],
    [{ a: 'no value' }, false],
  ])('%j: taken %s', async (selector, taken) => {
    const answer = await refusal(createModule(smallSpec({ spec: { selector } }), undefined, 'All'))
    expect(answer).toContain(taken ? 'nothing' : 'spec.selector: no node can have such a label')
  })
})

test.each(['container', 'mapping'])('nodes:WH-22 build.selector of a %s', async (level) => {
  const build = (selector: object) => ({ build: { dockerfileConfigMap: { name: 'd' }, selector } })
  const answer = (selector: object) =>
    refusal(createModule(smallSpec({ [level]: build(selector) }), undefined, 'All'))
  expect(await answer({ a: 'no value' })).toContain('build.selector: no node can have such a label')
  expect(await answer({ 'kubernetes.io/arch': 'amd64' })).toContain('nothing')
})

test('everything that the policy finds is told at once', async () => {
  const hostPath = { path: '/etc' }
  const devicePlugin = { container: { image: 'a:1' }, volumes: [{ name: 'v', hostPath }] }
  const spec = { selector: { '-': '' }, devicePlugin }
  const answer = await refusal(createModule(spec, 'a'.repeat(60), 'All'))
  for (const field of ['metadata.name', 'spec.devicePlugin.volumes[v].hostPath.path', 'spec.selector']) {
    expect(answer).toContain(`${field}: `)
  }
})

describe('warnings', () => {
  const selector = { gpu: '' }
  const build = (...names: string[]) => ({
    dockerfileConfigMap: { name: 'd' },
    buildArgs: names.map((name) => ({ name, value: '1' })),
  })
  const named = (change: Parameters<typeof smallSpec>[0]) =>
    smallSpec({ ...change, spec: { selector, ...change?.spec } })
  const image = 'reg.example/a:${KERNEL_FULL_VERSION}'
  const sign = {
    keySecret: { name: 'k' },
    certSecret: { name: 'c' },
    filesToSign: ['/opt/lib/modules/a.ko'],
    unsignedImage: 'reg.example/a:1',
  }
  test.each<[string, object, string, object]>([
    [
      'images:BLD-4 a build argument that an automatic one shadows',
      named({ mapping: { containerImage: image, build: build('REV', 'MOD_NAME') } }),
      'build.buildArgs: MOD_NAME: the operator sets these itself',
      named({ mapping: { containerImage: image, build: build('REV') } }),
    ],
    [
      'images:BLD-4 the same in the container',
      named({ mapping: { containerImage: image }, container: { build: build('KERNEL_VERSION') } }),
      'build.buildArgs: KERNEL_VERSION: the operator sets',
      named({ mapping: { containerImage: image }, container: { build: build('kernel_version') } }),
    ],
    [
      'nodes:WH-22 the tag latest',
      named({ mapping: { containerImage: 'reg.example/a:latest' } }),
      'containerImage: the tag latest',
      named({ mapping: { containerImage: 'reg.example/a:latest-1' } }),
    ],
    [
      'images:MIC-2 one image for many kernels',
      named({ mapping: { containerImage: 'reg.example/a:1', build: build() } }),
      'containerImage: reg.example/a:1 is built for every kernel',
      named({ mapping: { containerImage: 'reg.example/a:1' } }),
    ],
    ['nodes:WH-22 the empty selector', smallSpec(), 'spec.selector: {} selects every node', named({})],
    ['nodes:WH-22 nothing is defined', { selector }, 'the Module defines nothing', named({})],
    [
      'what is not acted on yet: a device plugin',
      { selector, devicePlugin: { container: { image: 'a:1' } } },
      'devicePlugin, dra: nothing is run for them yet',
      named({}),
    ],
    [
      'images:SGN-7 an image to sign beside a build',
      named({ mapping: { containerImage: image, build: build(), sign } }),
      'sign.unsignedImage has no effect',
      named({ mapping: { containerImage: image, sign } }),
    ],
    [
      'images:1.1 the deprecated inTreeModuleToRemove',
      named({ container: { inTreeModuleToRemove: 'a' } }),
      'inTreeModuleToRemove is deprecated',
      named({ container: { inTreeModulesToRemove: ['a'] } }),
    ],
    [
      'images:1.1 the same in a mapping',
      named({ mapping: { inTreeModuleToRemove: 'a' } }),
      'inTreeModuleToRemove is deprecated',
      named({ mapping: { inTreeModulesToRemove: ['a'] } }),
    ],
  ])('%s', async (_rule, spec, text, silent) => {
    expect(await warnings(spec)).toEqual([expect.stringContaining(text)])
    expect(await warnings(silent)).toEqual([])
  })

  test('all at once, and kubectl prints them', async () => {
    const spec = smallSpec({ container: { inTreeModuleToRemove: 'a' } })
    expect(await warnings(spec)).toHaveLength(2)
    const kubectl = await ensurePrograms(['kubectl']).path('kubectl')
    const body = { apiVersion, kind: 'Module', metadata: { name: 'warned', namespace }, spec }
    const printed = execFileSync(
      'sh',
      ['-c', '"$0" --kubeconfig "$1" create --dry-run=server -f - 2>&1', kubectl, inject('kubeconfig')],
      { input: JSON.stringify(body), encoding: 'utf8' },
    )
    expect(printed).toMatch(/^Warning: .*kmm-module-warnings.*\{\} selects every node of the cluster$/mu)
    expect(printed).toContain('module.kmm.sigs.x-k8s.io/warned created (server dry run)')
  })
})

test('VAL-12 a namespace with Modules is not deleted, without the label it is', async () => {
  const name = `guarded-${process.pid}`
  await core.createNamespace({ body: { metadata: { name, labels: { [labels.containsModules]: '' } } } })
  const remove = () => refusal(core.deleteNamespace({ name }))
  await vi.waitFor(async () => expect(await remove()).toContain(`namespace ${name} still has Modules`), soon)
  await core.replaceNamespace({ name, body: { metadata: { name } } })
  expect(await remove()).toContain('nothing')
})
