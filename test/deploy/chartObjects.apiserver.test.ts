import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { chart, type Command, find, findCommand, template } from './helm.ts'
import { digest, namespace, type RenderedSets, renderValueSets, type ValueSet } from './valueSets.ts'

const project = readFileSync(join(chart, '../../package.json'), 'utf8')
const { version: projectVersion } = JSON.parse(project) as { version: string }

let helm: Command
let rendered: RenderedSets
const objectsOf = (set: ValueSet) => rendered[set]
beforeAll(async () => {
  helm = await findCommand('helm')
  rendered = renderValueSets(helm)
}, 300_000)

const operatorPod = (set: ValueSet) => find(objectsOf(set), 'Deployment').spec.template.spec
const operatorEnv = (set: ValueSet): Record<string, string> =>
  Object.fromEntries(
    operatorPod(set).containers[0].env.map(({ name, value }: { name: string; value: string }) => [
      name,
      value,
    ]),
  )

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

  test('has time to end its activities, and other nodes for other replicas', () => {
    const pod = operatorPod('defaults')
    expect(pod.terminationGracePeriodSeconds).toBe(40)
    const [spread] = pod.topologySpreadConstraints
    expect(spread.topologyKey).toBe('kubernetes.io/hostname')
    expect(find(objectsOf('defaults'), 'Deployment').spec.template.metadata.labels).toMatchObject(
      spread.labelSelector.matchLabels,
    )
  })

  test('runs the images of the values, and its own in worker pods where they name none', () => {
    const imagesOf = (set: ValueSet) => [
      operatorPod(set).containers[0].image,
      operatorEnv(set)['RELATED_IMAGE_WORKER'],
    ]
    const byVersion = `ghcr.io/kmm-temporal/kmm-temporal:${projectVersion}`
    expect(imagesOf('defaults')).toEqual([byVersion, byVersion])
    expect(imagesOf('everything')).toEqual([
      `registry.example:5000/kmm@${digest}`,
      'registry.example/loader:1',
    ])
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

describe('the network policy', () => {
  const policy = (set: ValueSet) => find(objectsOf(set), 'NetworkPolicy', 'kmm-operator-controller').spec
  test('lets probes and metrics in, by the names that the ports of the pod have', () => {
    const allowed = policy('defaults').ingress[0].ports.map(({ port }: { port: string }) => port)
    const ports = operatorPod('defaults').containers[0].ports.map(({ name }: { name: string }) => name)
    expect(allowed).toEqual(ports)
  })

  test('limits what the operator reaches only on request, and never keeps it from DNS', () => {
    expect(policy('defaults').policyTypes).toEqual(['Ingress'])
    expect(policy('defaults').egress).toBeUndefined()
    expect(policy('everything').policyTypes).toEqual(['Ingress', 'Egress'])
    const ports = policy('everything').egress.flatMap((rule: { ports: object[] }) => rule.ports)
    expect(ports).toContainEqual({ port: 53, protocol: 'UDP' })
    expect(ports).toContainEqual({ port: 443, protocol: 'TCP' })
  })

  test('is left out on request', () => {
    expect(() => find(objectsOf('least'), 'NetworkPolicy')).toThrow('no NetworkPolicy')
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

  test('go with the release on request', () => {
    const objects = template(helm, namespace, '--set', 'crds.keep=false')
    const { metadata } = find(objects, 'CustomResourceDefinition')
    expect(metadata?.annotations?.['helm.sh/resource-policy']).toBeUndefined()
  })

  test('are left out on request', () => {
    expect(definitions('least')).toEqual([])
  })
})

describe('the policies on what only the operator writes', () => {
  /** What tells the accounts that a policy trusts. */
  const trusted = (policy: string, ...args: string[]): string =>
    find(template(helm, namespace, ...args), 'ValidatingAdmissionPolicy', policy).spec.variables.find(
      ({ name }: { name: string }) => name === 'trusted',
    ).expression
  test.each(['kmm-operator-pods', 'kmm-operator-records'])('%s: trust whom the values name', (policy) => {
    const own = `system:serviceaccount:${namespace}:kmm-operator-controller`
    const kmm = 'system:serviceaccount:kmm:kmm-operator-controller'
    expect(trusted(policy)).toBe(
      `request.userInfo.username in ['${own}'] || request.userInfo.groups.exists(g, g in ['system:masters'])`,
    )
    expect(
      trusted(policy, '--set', `policies.trustedUsers={${kmm}},policies.trustedGroups={admins,repair}`),
    ).toBe(
      `request.userInfo.username in ['${own}', '${kmm}'] || request.userInfo.groups.exists(g, g in ['admins', 'repair'])`,
    )
    expect(trusted(policy, '--set-json', 'policies.trustedGroups=[]')).toContain('g in []')
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
  const docs = readFileSync(join(chart, '../../docs/monitoring.md'), 'utf8')
  expect(asked.filter((metric) => !docs.includes(`\`${metric}\``))).toEqual([])
})
