import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AuthorizationV1Api, KubeConfig, type KubernetesObject, loadAllYaml } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parseConfig } from '../api/config.ts'
import { moduleSchema } from '../api/module.ts'
import { applyManifests } from '../lab/applyManifests.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'

const deploy = join(import.meta.dirname, '../deploy')
const example = join(deploy, 'examples/kmm-ci')
const operatorNamespace = 'kmm-operator-system'
/** Definitions and policies have their own tests, and are shared by all tests of the tier. */
const elsewhere = [
  'CustomResourceDefinition',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]

let folder: string
let kubectl: string
let objects: KubernetesObject[]
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kmm-manifests-'))
  kubectl = await ensurePrograms(['kubectl']).path('kubectl')
  const text = execFileSync(kubectl, ['kustomize', deploy], { encoding: 'utf8' })
  objects = (loadAllYaml(text) as KubernetesObject[]).filter(({ kind }) => !elsewhere.includes(kind ?? ''))
  const file = join(folder, 'operator.json')
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
  server('apply', '-f', file)
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** kubectl against the tier's API server; throws with what it says. */
const server = (...args: string[]): string =>
  execFileSync(kubectl, ['--kubeconfig', inject('kubeconfig'), ...args], { encoding: 'utf8' })

const find = (kind: string) => objects.find((object) => object.kind === kind) as { spec: any; data: any } // oxlint-disable-line no-explicit-any

describe('kubectl apply -k deploy', () => {
  test('the API server takes every object, and nothing is left to do', () => {
    const file = join(folder, 'operator.json')
    expect(server('apply', '-f', file, '--dry-run=server')).not.toMatch(/configured|created/)
    const namespaced = objects.filter(({ metadata }) => metadata?.namespace !== undefined)
    expect(new Set(namespaced.map(({ metadata }) => metadata?.namespace))).toEqual(
      new Set([operatorNamespace]),
    )
  })

  test('the metrics Service leads to the port on which the operator serves them', () => {
    const [operator] = find('Deployment').spec.template.spec.containers
    const [{ targetPort }] = find('Service').spec.ports
    const port = operator.ports.find(({ name }: { name: string }) => name === targetPort)
    const parsed = parseConfig(find('ConfigMap').data['controller_config.yaml'])
    expect(parsed.ok && parsed.config.metrics.bindAddress).toBe(`0.0.0.0:${port.containerPort}`)
  })

  test('the loader is a command of the same image', () => {
    const [operator] = find('Deployment').spec.template.spec.containers
    const worker = operator.env.find((entry: { name: string }) => entry.name === 'RELATED_IMAGE_WORKER')
    expect(worker.value).toBe(operator.image)
    expect(operator.args).toEqual(['operator'])
  })

  test('the operator’s pod meets the restricted level, which its namespace enforces', () => {
    const pod = { ...find('Deployment').spec.template, apiVersion: 'v1', kind: 'Pod' }
    pod.metadata = { ...pod.metadata, name: 'operator', namespace: operatorNamespace }
    const file = join(folder, 'pod.json')
    writeFileSync(file, JSON.stringify(pod))
    expect(server('apply', '-f', file, '--dry-run=server')).toContain('created')
  })
})

describe('rights of the operator', () => {
  const config = new KubeConfig()
  config.loadFromFile(inject('kubeconfig'))
  const reviews = config.makeApiClient(AuthorizationV1Api)
  const may = async (verb: string, what: string, namespace = 'any'): Promise<boolean> => {
    const [path = '', group = ''] = what.split('@')
    const [resource = '', subresource] = path.split('/')
    const review = await reviews.createSubjectAccessReview({
      body: {
        spec: {
          user: `system:serviceaccount:${operatorNamespace}:kmm-operator-controller`,
          resourceAttributes: { verb, group, resource, namespace, ...(subresource ? { subresource } : {}) },
        },
      },
    })
    return review.status?.allowed ?? false
  }
  const kmm = 'kmm.sigs.x-k8s.io'

  test.each([
    ['watch', `modules@${kmm}`],
    ['patch', `modules@${kmm}`],
    ['patch', `modules/status@${kmm}`],
    ['create', `nodemodulesconfigs@${kmm}`],
    ['patch', `nodemodulesconfigs/status@${kmm}`],
    ['create', 'pods'],
    ['delete', 'pods'],
    ['get', 'pods/log'],
    ['get', 'secrets'],
    ['get', 'serviceaccounts'],
    ['watch', 'configmaps'],
    ['patch', 'nodes'],
    ['patch', 'namespaces'],
    ['create', 'events'],
    ['create', 'tokenreviews@authentication.k8s.io'],
    ['create', 'subjectaccessreviews@authorization.k8s.io'],
  ])('may %s %s', async (verb, what) => {
    expect(await may(verb, what)).toBe(true)
  })

  test.each([
    ['list', 'secrets'],
    ['watch', 'secrets'],
    ['list', 'serviceaccounts'],
    ['delete', `modules@${kmm}`],
    ['delete', `nodemodulesconfigs@${kmm}`],
    ['create', 'pods/exec'],
    ['delete', 'nodes'],
    ['patch', 'configmaps'],
    ['patch', 'events'],
    ['list', 'events'],
    ['create', 'serviceaccounts/token'],
    ['create', 'clusterrolebindings@rbac.authorization.k8s.io'],
    ['create', 'leases@coordination.k8s.io'],
  ])('may not %s %s', async (verb, what) => {
    expect(await may(verb, what)).toBe(false)
  })

  test('may keep Leases in its own namespace', async () => {
    for (const verb of ['get', 'list', 'create', 'update', 'delete']) {
      expect(await may(verb, 'leases@coordination.k8s.io', operatorNamespace)).toBe(true)
    }
    for (const verb of ['watch', 'patch', 'deletecollection']) {
      expect(await may(verb, 'leases@coordination.k8s.io', operatorNamespace)).toBe(false)
    }
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
