import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { stringify } from 'yaml'
import { applyManifests } from '../../lab/applyManifests.ts'
import { chart, type Command, find, findCommand, type ManifestObject, template } from './helm.ts'

const namespace = 'kmm-chart'
const digest = `sha256:${'0'.repeat(64)}`
/** Values of a whole file, by what they are about. */
const valueSets = {
  defaults: {},
  everything: {
    labels: { 'example.com/team': 'kernel' },
    controller: {
      image: `registry.example:5000/kmm@${digest}`,
      imagePullSecrets: [{ name: 'pull' }],
      replicas: 3,
      workerImage: 'registry.example/loader:1',
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      priorityClassName: 'system-cluster-critical',
      env: [{ name: 'KMM_LOG_LEVEL', value: 'debug' }],
      podAnnotations: { 'example.com/note': 'x' },
    },
    config: { build: { maxParallel: 3 }, metrics: { bindAddress: '0.0.0.0:9443', enableAuthnAuthz: false } },
    temporal: {
      address: 'cluster.a1b2c.tmprl.cloud:7233',
      namespace: 'cluster.a1b2c',
      clusterName: 'production',
      tls: { secretName: 'temporal-tls', serverName: 'frontend.example' },
      apiKeySecret: { name: 'temporal-key', key: 'token' },
    },
    proxy: {
      http: 'http://proxy.example:3128',
      https: 'http://proxy.example:3128',
      noProxy: '10.0.0.0/8,.svc',
    },
    networkPolicy: { egress: [{ ports: [{ port: 443, protocol: 'TCP' }] }] },
    userRoles: { aggregateToEdit: true },
    metrics: {
      readers: [{ namespace: 'monitoring', name: 'prometheus' }],
      serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
      prometheusRule: { enabled: true },
      dashboard: { enabled: true },
    },
  },
  embeddedTemporal: { temporal: { embedded: { enabled: true } }, proxy: { https: 'http://proxy.example:1' } },
  least: {
    controller: { replicas: 1, managerConfig: 'own-config', tolerations: [], affinity: {}, resources: null },
    config: { metrics: { bindAddress: '0' } },
    temporal: { tls: { enabled: false } },
    crds: { enabled: false },
    networkPolicy: { enabled: false },
    userRoles: { create: false },
  },
} as const
type ValueSet = keyof typeof valueSets
const names = Object.keys(valueSets) as ValueSet[]

let folder: string
let helm: Command
let kubectl: Command
const rendered = new Map<string, ManifestObject[]>()
const objectsOf = (set: ValueSet): ManifestObject[] => rendered.get(set) ?? []

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
  for (const name of names) {
    const values = join(folder, `${name}.values.yaml`)
    writeFileSync(values, stringify(valueSets[name]))
    rendered.set(name, template(helm, namespace, '--values', values))
  }
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

const operatorPod = (set: ValueSet) => find(objectsOf(set), 'Deployment').spec.template.spec
const operatorEnv = (set: ValueSet): Record<string, string> =>
  Object.fromEntries(
    operatorPod(set).containers[0].env.map(({ name, value }: { name: string; value: string }) => [
      name,
      value,
    ]),
  )

test('helm lint finds nothing', () => {
  expect(helm('lint', '--strict', chart)).toContain('0 chart(s) failed')
})

describe.each(names)('values: %s', (set) => {
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
      spec: { ...spec.template.spec, serviceAccountName: 'default', priorityClassName: undefined },
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

describe('the operator’s pod', () => {
  test('gets the connection to Temporal from the values, and its Secrets as files', () => {
    expect(operatorEnv('everything')).toMatchObject({
      TEMPORAL_ADDRESS: 'cluster.a1b2c.tmprl.cloud:7233',
      TEMPORAL_NAMESPACE: 'cluster.a1b2c',
      TEMPORAL_CREATE_NAMESPACE: 'false',
      TEMPORAL_TLS: 'true',
      TEMPORAL_TLS_SERVER_NAME: 'frontend.example',
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/etc/kmm/temporal/tls/ca.crt',
      TEMPORAL_TLS_CLIENT_CERT_PATH: '/etc/kmm/temporal/tls/tls.crt',
      TEMPORAL_TLS_CLIENT_KEY_PATH: '/etc/kmm/temporal/tls/tls.key',
      TEMPORAL_API_KEY_FILE: '/etc/kmm/temporal/api-key/token',
      KMM_CLUSTER_NAME: 'production',
      HTTPS_PROXY: 'http://proxy.example:3128',
      NO_PROXY: '10.0.0.0/8,.svc',
    })
    const { volumes } = operatorPod('everything')
    expect(volumes).toContainEqual({
      name: 'temporal-tls',
      secret: { secretName: 'temporal-tls', optional: true },
    })
    expect(volumes).toContainEqual({
      name: 'temporal-api-key',
      secret: { secretName: 'temporal-key', optional: true },
    })
  })

  test('reaches the embedded Temporal by mutual TLS and without the proxy', () => {
    const host = `kmm-operator-temporal.${namespace}.svc`
    expect(operatorEnv('embeddedTemporal')).toMatchObject({
      TEMPORAL_ADDRESS: `${host}:7233`,
      TEMPORAL_TLS: 'true',
      TEMPORAL_TLS_CLIENT_CERT_PATH: '/etc/kmm/temporal/tls/tls.crt',
      TEMPORAL_CREATE_NAMESPACE: 'true',
      NO_PROXY: host,
    })
    const { secret } = operatorPod('embeddedTemporal').volumes.find(
      ({ name }: { name: string }) => name === 'temporal-tls',
    )
    expect(secret.secretName).toBe('kmm-operator-temporal-client-tls')
  })

  test('has no file of a Secret that is not named', () => {
    const variables = Object.keys(operatorEnv('least'))
    expect(variables.filter((name) => /_PATH$|_FILE$|PROXY/.test(name))).toEqual([])
    expect(operatorEnv('least')).toMatchObject({ TEMPORAL_TLS: 'false' })
    const volumes = operatorPod('least').volumes.map(({ name }: { name: string }) => name)
    expect(volumes).toEqual(['tmp', 'config', 'registry-ca'])
  })

  test('reads the ConfigMap that the values name, or the chart’s own', () => {
    const configOf = (set: ValueSet): string =>
      operatorPod(set).volumes.find(({ name }: { name: string }) => name === 'config').configMap.name
    expect(configOf('least')).toBe('own-config')
    expect(() => find(objectsOf('least'), 'ConfigMap')).toThrow('no ConfigMap')
    const made = find(objectsOf('everything'), 'ConfigMap', configOf('everything'))
    expect(made.data?.['controller_config.yaml']).toContain('maxParallel: 3')
  })

  test('listens where the configuration says', () => {
    const ports = (set: ValueSet) =>
      operatorPod(set).containers[0].ports.map(
        ({ containerPort }: { containerPort: number }) => containerPort,
      )
    expect(ports('everything')).toEqual([8081, 9443])
    expect(ports('least')).toEqual([8081])
    expect(() => find(objectsOf('least'), 'Service')).toThrow('no Service')
  })
})

describe('a budget for disruptions', () => {
  test('keeps a replica only where there are several', () => {
    expect(find(objectsOf('defaults'), 'PodDisruptionBudget').spec.maxUnavailable).toBe(1)
    expect(() => find(objectsOf('least'), 'PodDisruptionBudget')).toThrow('no PodDisruptionBudget')
  })
})

describe('definitions', () => {
  const definitions = (set: ValueSet) =>
    objectsOf(set).filter(({ kind }) => kind === 'CustomResourceDefinition')
  test('stay when the release is uninstalled', () => {
    const policies = definitions('defaults').map(
      ({ metadata }) => metadata?.annotations?.['helm.sh/resource-policy'],
    )
    expect(policies).toEqual(['keep', 'keep'])
  })

  test('are left out on request', () => {
    expect(definitions('least')).toEqual([])
  })
})

describe('roles for users', () => {
  /** Verbs on Modules that a built-in role gains. */
  const gained = (set: ValueSet, role: string) =>
    objectsOf(set)
      .filter(
        ({ metadata }) => metadata?.labels?.[`rbac.authorization.k8s.io/aggregate-to-${role}`] === 'true',
      )
      .flatMap(({ rules = [] }) => rules)
      .filter(({ resources = [] }) => resources.includes('modules'))
      .flatMap(({ verbs }) => verbs)

  test('view may read Modules, and admin write them', () => {
    expect(gained('defaults', 'view')).toEqual(['get', 'list', 'watch'])
    expect(gained('defaults', 'admin')).toEqual(['create', 'update', 'patch', 'delete', 'deletecollection'])
  })

  test('edit may write Modules only on request: they are root on nodes', () => {
    expect(gained('defaults', 'edit')).toEqual([])
    expect(gained('everything', 'edit')).toContain('create')
  })
})

test('alerts ask for metrics that the operator has', () => {
  const { groups } = find(objectsOf('everything'), 'PrometheusRule').spec
  const rules = groups.flatMap(({ rules: all }: { rules: object[] }) => all) as { expr: string }[]
  const asked = rules.flatMap(({ expr }) => expr.match(/\bkmm_\w+/g) ?? [])
  expect(asked.length).toBeGreaterThan(2)
  const docs = readFileSync(join(chart, '../../docs/operations.md'), 'utf8')
  expect(asked.filter((metric) => !docs.includes(`\`${metric}\``))).toEqual([])
})
