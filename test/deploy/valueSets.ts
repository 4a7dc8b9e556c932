import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Command, type ManifestObject, template } from './helm.ts'

/** Where the value sets are rendered for. */
export const namespace = 'kmm-chart'
export const digest = `sha256:${'0'.repeat(64)}`
/** Values of a whole file, by what they are about. */
export const valueSets = {
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
export type ValueSet = keyof typeof valueSets
export const valueSetNames = Object.keys(valueSets) as ValueSet[]

/** The chart's objects with each set of values. */
export type RenderedSets = Readonly<Record<ValueSet, readonly ManifestObject[]>>

export function renderValueSets(helm: Command): RenderedSets {
  const folder = mkdtempSync(join(tmpdir(), 'kmm-values-'))
  try {
    const rendered = valueSetNames.map((name) => {
      const file = join(folder, `${name}.yaml`)
      writeFileSync(file, stringify(valueSets[name]))
      return [name, template(helm, namespace, '--values', file)] as const
    })
    return Object.fromEntries(rendered) as unknown as RenderedSets
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
