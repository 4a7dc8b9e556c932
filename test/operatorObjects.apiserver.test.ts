import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { annotations, apiVersion, labels } from '../api/names.ts'
import { applyManifests, applyObjects } from '../lab/applyManifests.ts'
import { operatorAccount } from '../lab/operatorAccount.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { eventually } from './support/eventually.ts'
import { smallSpec } from './moduleSpecs.ts'

/** What only the operator may write, tried by accounts that RBAC allows everything. */
const kubeconfig = inject('kubeconfig')
const namespace = 'kmm-operator-objects'
const tenant = 'tenant'
const daemonSetController = 'system:serviceaccount:kube-system:daemon-set-controller'
const garbageCollector = 'system:serviceaccount:kube-system:generic-garbage-collector'
let kubectl: string

/** What kubectl prints when this account applies the change; `taken` when the API server takes it. */
function tried(account: string, args: readonly string[], body?: object): string {
  const asAccount = account === '' ? [] : [`--as=${account}`]
  try {
    execFileSync(kubectl, ['--kubeconfig', kubeconfig, '-n', namespace, ...asAccount, ...args], {
      input: body === undefined ? '' : JSON.stringify(body),
      stdio: 'pipe',
    })
    return 'taken'
  } catch (error) {
    return String((error as { stderr: Buffer }).stderr)
  }
}
const create = (account: string, body: object) =>
  tried(account, ['create', '--dry-run=server', '-f', '-'], body)
const patch = (account: string, what: string, body: object, ...args: string[]) =>
  tried(account, ['patch', what, '--dry-run=server', '--type=merge', '-p', JSON.stringify(body), ...args])
const bind = (path: string, metadata: object) =>
  tried(tenant, ['create', '--raw', `/api/v1/namespaces/${namespace}/${path}?dryRun=All`, '-f', '-'], {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'plain', namespace, ...metadata },
    target: { apiVersion: 'v1', kind: 'Node', name: 'node-a' },
  })
const refused = 'only the operator of Kernel Module Management'

const pod = (name: string, its: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: its },
  spec: { containers: [{ name: 'a', image: 'reg.example/a:1' }] },
})
const daemonSet = (its: Record<string, string>, name = 'a') => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name, namespace },
  spec: {
    selector: { matchLabels: { app: 'a' } },
    template: {
      metadata: { labels: { app: 'a', ...its } },
      spec: { containers: [{ name: 'a', image: 'reg.example/a:1' }] },
    },
  },
})
const record = (name: string) => ({ apiVersion, kind: 'NodeModulesConfig', metadata: { name }, spec: {} })
const plugin = { 'kmm.node.kubernetes.io/role': 'device-plugin' }

beforeAll(async () => {
  kubectl = await ensurePrograms(['kubectl']).path('kubectl')
  await applyManifests(kubeconfig, [join(import.meta.dirname, '../deploy/kustomize/policies.yaml')])
  const accounts = [tenant, operatorAccount, daemonSetController, garbageCollector]
  await applyObjects(kubeconfig, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: accounts.map((name) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name })),
    } as object,
    pod('worker', { [labels.workerAction]: 'Load', app: 'a' }),
    pod('plain', { app: 'a' }),
    daemonSet({}, 'plain'),
    daemonSet(plugin, 'operators'),
    record('node-a'),
    { apiVersion, kind: 'Module', metadata: { name: 'stored', namespace }, spec: smallSpec() } as object,
  ])
  await eventually(
    'the policies are in force',
    () => [create(tenant, pod('x', { [labels.workerAction]: 'Load' })), create(tenant, record('node-x'))],
    (answers) => answers.every((answer) => /only the operator/.test(answer)),
  )
})

// The next file on this server looks at what the operator may do by its own role.
afterAll(() => void tried('', ['delete', 'clusterrolebinding', namespace]))

describe('pods with the labels of the operator', () => {
  test.each([labels.workerAction, labels.resourceType, labels.imageOwner, 'kmm.node.kubernetes.io/role'])(
    '%s: only the operator makes them',
    (label) => {
      expect(create(tenant, pod('x', { [label]: 'a' }))).toContain(refused)
      expect(create(operatorAccount, pod('x', { [label]: 'a' }))).toBe('taken')
    },
  )
  test('nobody else puts such a label on a pod that is there', () => {
    const change = { metadata: { labels: { [labels.workerAction]: 'Load' } } }
    expect(patch(tenant, 'pod/plain', change)).toContain(refused)
    expect(patch(operatorAccount, 'pod/plain', change)).toBe('taken')
  })
  test.each<[string, object]>([
    ['takes it off', { metadata: { labels: { [labels.workerAction]: null } } }],
    ['changes it', { metadata: { labels: { [labels.workerAction]: 'Unload' } } }],
    ['adds another', { metadata: { labels: { [labels.configHash]: 'x' } } }],
    ['adds an annotation', { metadata: { annotations: { [annotations.workerConfig]: '{}' } } }],
    ['changes the image', { spec: { containers: [{ name: 'a', image: 'reg.example/evil:1' }] } }],
  ])('nor %s', (_what, change) => {
    expect(patch(tenant, 'pod/worker', change)).toContain(refused)
  })
  test('nor does a status bring in labels or annotations', () => {
    const label = { metadata: { labels: { [labels.workerAction]: 'Load' } } }
    expect(patch(tenant, 'pod/plain', label, '--subresource=status')).toContain(refused)
    expect(patch(operatorAccount, 'pod/plain', label, '--subresource=status')).toBe('taken')
    const annotation = { metadata: { annotations: { [annotations.workerConfig]: '{}' } } }
    expect(patch(tenant, 'pod/worker', annotation, '--subresource=status')).toContain(refused)
  })
  test.each(['pods/plain/binding', 'bindings'])('nor does a binding (%s)', (path) => {
    expect(bind(path, {})).toBe('taken')
    expect(bind(path, { labels: { [labels.workerAction]: 'Load' } })).toContain(refused)
    expect(bind(path, { annotations: { [annotations.workerConfig]: '{}' } })).toContain(refused)
  })
  test('nor does anybody else add a container to one', () => {
    const debug = (name: string) =>
      tried(tenant, ['debug', name, '--image=reg.example/a:1', '--attach=false'])
    expect(debug('pod/worker')).toContain(refused)
    expect(debug('pod/plain')).toBe('taken')
  })
  test('what is not the operator’s may change: owner references, finalizers, other labels', () => {
    const change = { metadata: { ownerReferences: [], finalizers: ['example.com/a'], labels: { app: 'b' } } }
    expect(patch(garbageCollector, 'pod/worker', change)).toBe('taken')
  })
  test('kubelets report their status, and everybody may delete them whom RBAC lets', () => {
    const running = { status: { phase: 'Running' } }
    expect(patch(tenant, 'pod/worker', running, '--subresource=status')).toBe('taken')
    expect(tried(tenant, ['delete', 'pod/worker', '--dry-run=server'])).toBe('taken')
  })
  test('pods without them are nobody’s business', () => {
    expect(create(tenant, pod('x', { app: 'a', [labels.moduleName]: 'a' }))).toBe('taken')
    expect(patch(tenant, 'pod/plain', { metadata: { labels: { app: 'b' } } })).toBe('taken')
  })
})

describe('DaemonSets', () => {
  test('with such a label on themselves or their pods are made by the operator alone', () => {
    expect(create(tenant, daemonSet(plugin))).toContain(refused)
    expect(create(tenant, daemonSet({ [labels.workerAction]: 'Load' }))).toContain(refused)
    expect(create(operatorAccount, daemonSet(plugin))).toBe('taken')
    expect(create(tenant, daemonSet({}))).toBe('taken')
    const label = { metadata: { labels: plugin } }
    expect(patch(tenant, 'daemonset/plain', label, '--subresource=status')).toContain(refused)
  })
  test('the DaemonSet controller reports their status', () => {
    const status = { status: { observedGeneration: 1 } }
    expect(patch(daemonSetController, 'daemonset/operators', status, '--subresource=status')).toBe('taken')
  })
  test('their pods come from the DaemonSet controller, and no worker or build pods do', () => {
    expect(create(daemonSetController, pod('x', plugin))).toBe('taken')
    const worker = pod('x', { ...plugin, [labels.workerAction]: 'Load' })
    expect(create(daemonSetController, worker)).toContain(refused)
  })
})

describe('records', () => {
  const loaded = { spec: { modules: [] }, status: { modules: [] } }
  test('of nodes are written by the operator alone, and may be deleted', () => {
    expect(create(tenant, record('node-b'))).toContain('only the operator')
    expect(create(operatorAccount, record('node-b'))).toBe('taken')
    expect(patch(tenant, 'nodemodulesconfig/node-a', { spec: loaded.spec })).toContain('only the operator')
    const status = { status: loaded.status }
    expect(patch(tenant, 'nodemodulesconfig/node-a', status, '--subresource=status')).toContain('only the op')
    expect(tried(tenant, ['delete', 'nodemodulesconfig/node-a', '--dry-run=server'])).toBe('taken')
  })
  test('of Modules in their status too; finalizers, annotations and spec are their owner’s', () => {
    const status = { status: { kernels: [{ kernel: '6.1.0', phase: 'Loaded' }] } }
    expect(patch(tenant, 'module/stored', status, '--subresource=status')).toContain('only the operator')
    expect(patch(operatorAccount, 'module/stored', status, '--subresource=status')).toBe('taken')
    const own = { metadata: { finalizers: [], annotations: { [annotations.retryBuild]: 'all' } } }
    expect(patch(tenant, 'module/stored', own)).toBe('taken')
  })
  test('may be repaired by the group of admins that the values name', () => {
    expect(create('', record('node-b'))).toBe('taken')
  })
})
