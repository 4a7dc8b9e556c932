import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { AuthorizationV1Api, KubeConfig, type KubernetesObject, loadAllYaml } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parseConfig } from '../../api/config.ts'
import { moduleSchema } from '../../api/module.ts'
import { permissions } from '../../api/permissions.ts'
import { kustomizeFolder, renderedFiles } from '../../deploy/render.ts'
import { applyManifests } from '../../lab/applyManifests.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { type Command, find, findCommand, type ManifestObject, readObjects } from './helm.ts'

const deploy = join(import.meta.dirname, '../../deploy')
const example = join(deploy, 'examples/kmm-ci')
const operatorNamespace = 'kmm-operator-system'
/** Definitions and policies have their own tests, and are shared by all tests of the tier. */
const elsewhere = [
  'CustomResourceDefinition',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]

let folder: string
/** kubectl against the tier's API server. */
let server: Command
let objects: ManifestObject[]
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kmm-manifests-'))
  const kubectl = await findCommand('kubectl')
  server = (...args) => kubectl('--kubeconfig', inject('kubeconfig'), ...args)
  objects = readObjects(kubectl('kustomize', deploy))
  const file = join(folder, 'operator.json')
  const items = objects.filter(({ kind }) => !elsewhere.includes(kind ?? ''))
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  server('apply', '-f', file)
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('deploy/kustomize is what `npm run generate` renders from the chart', async () => {
  const files = renderedFiles(await ensurePrograms(['helm']).path('helm'))
  expect(readdirSync(kustomizeFolder).toSorted()).toEqual(
    [...files.keys()].map((file) => basename(file)).sort(),
  )
  for (const [file, text] of files) expect(readFileSync(file, 'utf8')).toBe(text)
})

describe('kubectl apply -k deploy', () => {
  test.each([['--server-side', '--force-conflicts'], []])(
    'the API server takes every object %s',
    (...how) => {
      const answer = server('apply', ...how, '-k', deploy, '--dry-run=server')
      expect(answer.split('\n').filter(Boolean)).toHaveLength(objects.length)
    },
  )

  test('all is in one namespace, which enforces the restricted level', () => {
    const namespaced = objects.filter(({ metadata }) => metadata?.namespace !== undefined)
    expect(new Set(namespaced.map(({ metadata }) => metadata?.namespace))).toEqual(
      new Set([operatorNamespace]),
    )
    const { metadata } = find(objects, 'Namespace', operatorNamespace)
    expect(metadata?.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' })
  })

  test('the metrics Service leads to the port on which the operator serves them', () => {
    const [operator] = find(objects, 'Deployment').spec.template.spec.containers
    const [{ targetPort }] = find(objects, 'Service').spec.ports
    const port = operator.ports.find(({ name }: { name: string }) => name === targetPort)
    const parsed = parseConfig(find(objects, 'ConfigMap').data?.['controller_config.yaml'] ?? '')
    expect(parsed.ok && parsed.config.metrics.bindAddress).toBe(`0.0.0.0:${port.containerPort}`)
  })

  test('the loader is a command of the same image, and the operator reads the mounted configuration', () => {
    const { containers, volumes } = find(objects, 'Deployment').spec.template.spec
    const [operator] = containers
    const worker = operator.env.find((entry: { name: string }) => entry.name === 'RELATED_IMAGE_WORKER')
    expect(worker.value).toBe(operator.image)
    expect(operator.args).toEqual(['operator', '--config', '/etc/kmm/config/controller_config.yaml'])
    expect(volumes).toContainEqual({ name: 'config', configMap: { name: 'kmm-operator-manager-config' } })
  })
})

describe('rights of the operator', () => {
  const config = new KubeConfig()
  config.loadFromFile(inject('kubeconfig'))
  const reviews = config.makeApiClient(AuthorizationV1Api)
  const may = async (verb: string, what: string, namespace = 'any', name?: string): Promise<boolean> => {
    const [path = '', group = ''] = what.split('@')
    const [resource = '', subresource] = path.split('/')
    const review = await reviews.createSubjectAccessReview({
      body: {
        spec: {
          user: `system:serviceaccount:${operatorNamespace}:kmm-operator-controller`,
          resourceAttributes: {
            verb,
            group,
            resource,
            namespace,
            ...(subresource === undefined ? {} : { subresource }),
            ...(name === undefined ? {} : { name }),
          },
        },
      },
    })
    return review.status?.allowed ?? false
  }
  const kmm = 'kmm.sigs.x-k8s.io'

  test.each(
    permissions.flatMap(({ scope, verbs, resource, group, resourceNames = [undefined] }) =>
      verbs.flatMap((verb) =>
        resourceNames.map((name) => [verb, `${resource}@${group}`, scope, name] as const),
      ),
    ),
  )('may %s %s in the scope %s', async (verb, what, scope, name) => {
    const inCluster = scope === 'cluster'
    expect(await may(verb, what, inCluster ? 'any' : operatorNamespace, name)).toBe(true)
    if (!inCluster) expect(await may(verb, what, 'any', name)).toBe(false)
    if (name !== undefined) expect(await may(verb, what, operatorNamespace, 'another')).toBe(false)
  })

  test.each([
    ['get', `modules@${kmm}`],
    ['delete', `modules@${kmm}`],
    ['update', `modules/finalizers@${kmm}`],
    ['delete', `nodemodulesconfigs@${kmm}`],
    ['list', 'secrets'],
    ['watch', 'secrets'],
    ['list', 'serviceaccounts'],
    ['create', 'serviceaccounts/token'],
    ['create', 'pods/exec'],
    ['patch', 'pods'],
    ['delete', 'nodes'],
    ['patch', 'configmaps'],
    ['patch', 'events'],
    ['create', 'clusterrolebindings@rbac.authorization.k8s.io'],
    ['patch', 'leases@coordination.k8s.io'],
    ['patch', 'deployments@apps'],
  ])('may not %s %s', async (verb, what) => {
    expect(await may(verb, what, operatorNamespace)).toBe(false)
  })
})

describe('the example', () => {
  test('both files are taken, and the Modules read as the operator reads them', async () => {
    await applyManifests(inject('kubeconfig'), [
      join(example, 'kmm-ci.yaml'),
      join(example, 'broken-dockerfile.yaml'),
    ])
    const stored = JSON.parse(server('-n', 'kmm-ci', 'get', 'modules', '-o', 'json')) as { items: unknown[] }
    const mappings = stored.items.map(
      (item) => moduleSchema.parse(item).spec.moduleLoader?.container.kernelMappings[0],
    )
    const configMaps = mappings.map((mapping) => mapping?.build?.dockerfileConfigMap.name ?? '')
    expect(configMaps.toSorted()).toEqual(['kmm-ci-broken-dockerfile', 'kmm-ci-dockerfile'])
    for (const name of configMaps) {
      const dockerfile = server('-n', 'kmm-ci', 'get', 'configmap', name, '-o', 'jsonpath={.data.dockerfile}')
      expect(dockerfile).toContain('FROM scratch\nCOPY --from=builder /image/ /')
    }
    server('-n', 'kmm-ci', 'delete', 'modules', '--all')
  })

  test('kmm-ci and its broken sibling differ in names, so both can run', () => {
    const names = (file: string) =>
      (loadAllYaml(readFileSync(join(example, file), 'utf8')) as KubernetesObject[])
        .filter(({ kind }) => kind !== 'Namespace')
        .map(({ kind, metadata }) => `${kind} ${metadata?.name}`)
    expect(names('kmm-ci.yaml').filter((name) => names('broken-dockerfile.yaml').includes(name))).toEqual([])
  })
})
