import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { stringify } from 'yaml'
import { renderedFor } from '../../deploy/render.ts'
import { applyManifests } from '../../lab/applyManifests.ts'
import { chart, type Command, findCommand, type ManifestObject, template } from './helm.ts'
import { namespace, type RenderedSets, renderValueSets, type ValueSet, valueSetNames } from './valueSets.ts'

let folder: string
let helm: Command
let kubectl: Command
let rendered: RenderedSets
const objectsOf = (set: ValueSet) => rendered[set]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kmm-chart-'))
  helm = await findCommand('helm')
  const run = await findCommand('kubectl')
  kubectl = (...args) => run('--kubeconfig', inject('kubeconfig'), ...args)
  const prerequisites = join(folder, 'prerequisites.yaml')
  writeFileSync(
    prerequisites,
    [restricted(namespace), monitoringKind('ServiceMonitor'), monitoringKind('PrometheusRule')]
      .map((object) => stringify(object))
      .join('---\n'),
  )
  await applyManifests(inject('kubeconfig'), [prerequisites])
  rendered = renderValueSets(helm)
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A namespace that takes only pods of the restricted level. */
function restricted(name: string) {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
}

/** A kind of the Prometheus operator, which takes any fields. */
function monitoringKind(kind: string) {
  const singular = kind.toLowerCase()
  const group = 'monitoring.coreos.com'
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${singular}s.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, singular, plural: `${singular}s` },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  }
}

function dryRun(objects: readonly object[]): string {
  const file = join(folder, 'objects.json')
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
  return kubectl('apply', '--server-side', '--force-conflicts', '--dry-run=server', '-f', file)
}

test('helm lint finds nothing', () => {
  expect(helm('lint', '--strict', '--kube-version', renderedFor, chart)).toContain('0 chart(s) failed')
})

describe.each(valueSetNames)('values: %s', (set) => {
  test('the API server takes every object', () => {
    expect(dryRun(objectsOf(set)).split('\n').filter(Boolean)).toHaveLength(objectsOf(set).length)
  })

  test('every pod meets the restricted level of Pod Security', () => {
    const workloads = objectsOf(set).filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
    const pods = workloads.map(({ metadata, spec }) => ({
      ...spec.template,
      apiVersion: 'v1',
      kind: 'Pod',
      // The account and the priority are not in this API server.
      spec: {
        ...spec.template.spec,
        serviceAccountName: 'default',
        priorityClassName: undefined,
        // A StatefulSet adds a volume for each of its claims.
        volumes: [
          ...spec.template.spec.volumes,
          ...(spec.volumeClaimTemplates ?? []).map((claim: ManifestObject) => ({
            name: claim.metadata?.name,
            persistentVolumeClaim: { claimName: claim.metadata?.name },
          })),
        ],
      },
      metadata: { ...spec.template.metadata, name: metadata?.name, namespace },
    }))
    kubectl('apply', '-f', accountFile())
    expect(dryRun(pods)).toContain('kmm-operator-controller serverside-applied')
  })

  test('everything namespaced is in the release’s namespace, and the account of the bindings too', () => {
    const inNamespace = objectsOf(set).flatMap(({ metadata }) => metadata?.namespace ?? [])
    expect(new Set(inNamespace)).toEqual(new Set([namespace]))
    const accounts = objectsOf(set).flatMap(({ subjects = [] }) => subjects)
    const own = accounts.filter(({ name }) => name === 'kmm-operator-controller')
    expect(new Set(own.map((subject) => subject.namespace))).toEqual(new Set([namespace]))
  })
})

function accountFile(): string {
  const file = join(folder, 'account.yaml')
  const metadata = { name: 'default', namespace }
  writeFileSync(file, stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata }))
  return file
}

describe('values that are refused', () => {
  test.each([
    ['controller.replica=3', "at '/controller': additional properties 'replica' not allowed"],
    ["policies.trustedUsers={a'b}", "at '/policies/trustedUsers/0'"],
    ['temporal.adress=a:1', "at '/temporal': additional properties 'adress' not allowed"],
    ['controller.replicas=two', "at '/controller/replicas': got string, want integer"],
    [
      'controller.image=localhost:5000/kmm',
      'controller.image: "localhost:5000/kmm" has neither tag nor digest',
    ],
    ['temporal.address=https://a:7233', 'temporal.address: "https://a:7233" is not host:port'],
    ['temporal.clusterName=A', 'temporal.clusterName: "A" must be lower-case'],
    ['temporal.tls.enabled=false,temporal.tls.secretName=a', 'temporal.tls.secretName: "a" needs TLS'],
    ['temporal.tls.enabled=false,temporal.apiKeySecret.name=a', 'temporal.apiKeySecret.name: "a" needs TLS'],
    ['config.healthProbeBindAddress=localhost', 'config.healthProbeBindAddress: must end in a port'],
    ['config.metrics.bindAddress=:99999', 'config.metrics.bindAddress: must end in a port'],
    [
      'temporal.embedded.enabled=true,temporal.embedded.uiImage=temporalio/ui',
      'temporal.embedded.uiImage: "temporalio/ui" has neither tag nor digest',
    ],
    ['temporal.embedded.storage.size=big', "at '/temporal/embedded/storage/size'"],
    ['proxy=null', "missing property 'proxy'"],
    ['proxy.https=proxy:3128', 'proxy.https: "proxy:3128" is not a URL'],
  ])('%s', (setting, message) => {
    expect(() => template(helm, namespace, '--set', setting)).toThrow(message)
  })

  test('a Kubernetes that is too old', () => {
    expect(() => template(helm, namespace, '--kube-version', '1.29.0')).toThrow(
      'requires kubeVersion: >=1.30',
    )
  })
})
