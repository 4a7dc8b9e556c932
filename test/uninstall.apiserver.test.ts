import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import { moduleFinalizer } from '../api/names.ts'
import { eventually } from './support/eventually.ts'
import { plugin, startPlugin } from './support/plugin.ts'
import { operatorNamespace, useUninstallCluster } from './support/uninstallCluster.ts'

/** `uninstall` as a process against a real control plane; the operator is not there, what it writes is written here. */
vi.setConfig({ testTimeout: 300_000 })
const cluster = useUninstallCluster()
const line = ['uninstall', '--temporal-address', '127.0.0.1:1']
const uninstall = async (...flags: string[]) => await plugin([...line, ...flags], cluster.env)
const moduleOf = async (name: string) =>
  await cluster.get<{ metadata: { finalizers?: string[]; deletionTimestamp?: string } }>(
    'module',
    name,
    '-n',
    'drivers',
  )
const later = () => new Date(Date.now() + 3_600_000)

/** Starts it, and gives its output until now. */
function begin(...flags: string[]) {
  const child = startPlugin([...line, ...flags], cluster.env)
  child.stdin.end()
  let said = ''
  child.stderr.on('data', (part) => (said += String(part)))
  const stdout = text(child.stdout)
  const ended = once(child, 'exit') as Promise<[number | null]>
  return { said: () => said, interrupt: () => child.kill('SIGINT'), ended, stdout }
}

test('the command line: one way is needed, and a duration', async () => {
  expect(await uninstall()).toMatchObject({ code: 2, stderr: expect.stringContaining('--keep-loaded') })
  expect(await uninstall('--unload', '--keep-loaded')).toMatchObject({ code: 2 })
  expect(await uninstall('--unload', '--timeout', 'soon')).toMatchObject({ code: 2 })
})

test('nothing is installed: there is nothing to do', async () => {
  expect(await uninstall('--unload')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('There is nothing to uninstall'),
  })
  expect(await uninstall('--keep-loaded', '--yes')).toMatchObject({ code: 0 })
})

test('--keep-loaded: shown first, interrupted, resumed; nothing of ours is left and nothing else is touched', async () => {
  await cluster.install()
  await cluster.leader(later())
  await cluster.loaded('drivers', 'fpga', 'n1')
  const installed = await cluster.installed()
  const dry = await uninstall('--keep-loaded')
  expect(dry).toMatchObject({ code: 0, stderr: '' })
  for (const part of [
    `Scale Deployment ${operatorNamespace}/kmm-operator-controller from `,
    'from, and delete, 1 Module\n     modules.kmm.sigs.x-k8s.io: drivers/fpga',
    'pods: drivers/fpga-build-aaaaaaaa-1, drivers/fpga-pull-aaaaaaaa, drivers/kmm-worker-fpga',
    'Delete 1 NodeModulesConfig\n     nodemodulesconfigs.kmm.sigs.x-k8s.io: n1',
    'Remove 2 labels from 1 node\n     n1: kmm.node.kubernetes.io/drivers.fpga.ready, kmm.node',
    'Remove the label of Modules from 1 namespace\n     drivers',
    'Delete 2 Leases',
    'Node n1 is not Ready.',
    'Worker pod drivers/kmm-worker-fpga has not ended its Load',
    'Nothing was changed. With --yes it is done.',
  ])
    expect(dry.stdout).toContain(part)
  const { steps } = JSON.parse((await uninstall('--keep-loaded', '-o', 'json')).stdout) as {
    steps: { kind: string; group?: string }[]
  }
  expect(steps.map(({ kind, group }) => group ?? kind)).toEqual([
    'stopOperator',
    'Modules',
    'pods',
    'records',
    'unlabelNodes',
    'unlabelNamespaces',
    'Leases',
    'terminateRuns',
    'installation',
    'definitions',
    'namespace',
  ])
  expect(await cluster.installed()).toEqual(installed)
  expect((await moduleOf('fpga')).metadata.finalizers).toEqual([moduleFinalizer])

  // An operator that takes its time to end.
  const pods = () => cluster.names('pods', '-n', operatorNamespace)
  const [held = ''] = await eventually('the operator has pods', pods, (all) => all.length > 0)
  const keep = (finalizers: string[] | null) =>
    cluster.kubectl(
      'patch',
      held,
      '-n',
      operatorNamespace,
      '--type=merge',
      '-p',
      JSON.stringify({ metadata: { finalizers } }),
    )
  await keep(['example.com/held'])
  const first = begin('--keep-loaded', '--yes')
  await eventually('it waits for the pod', first.said, (said) => said.includes('has not ended'))
  first.interrupt()
  expect((await first.ended)[0]).toBe(5)
  expect(await first.stdout).toMatch(/Stopped before the end\.\nWhat remains:\n 1\. Scale Deployment/)
  const { metadata } = await moduleOf('fpga')
  expect(metadata.finalizers).toEqual([moduleFinalizer])
  expect(metadata.deletionTimestamp).toBeUndefined()
  await keep(null)

  const second = await uninstall('--keep-loaded', '--yes')
  expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('Uninstalled.') })
  expect(second.stderr).toContain(
    "temporal workflow terminate --address 127.0.0.1:1 --namespace default --query 'KmmCluster=",
  )
  await cluster.untilNamespaceGone()
  await cluster.untilUninstalled()
  expect(await uninstall('--keep-loaded', '--yes')).toMatchObject({ code: 0 })
})

test('--unload: refused while nobody would unload; waits, names what is in the way, and goes on', async () => {
  await cluster.install()
  await cluster.loaded('drivers', 'fpga', 'n1')
  await cluster.leader(new Date(0))
  const refused = await uninstall('--unload', '--yes')
  expect(refused.code).toBe(4)
  expect(refused.stderr).toContain('No operator is live')
  expect(refused.stderr).toContain('--keep-loaded')
  expect((await moduleOf('fpga')).metadata.deletionTimestamp).toBeUndefined()

  await cluster.leader(later())
  const timed = await uninstall('--unload', '--yes', '--timeout', '5s')
  expect(timed.code).toBe(5)
  expect(timed.stdout).toMatch(/What remains:\n 1\. Wait until the operator has unloaded 1 Module on 1 node/)
  expect(timed.stdout).toContain('kubectl -n drivers annotate module fpga kmm.sigs.x-k8s.io/force-finalize=')
  expect((await moduleOf('fpga')).metadata.deletionTimestamp).toBeDefined()

  const again = begin('--unload', '--yes', '--keep-definitions')
  await eventually('it reports the node', again.said, (said) => said.includes('Node n1 is not Ready.'))
  await cluster.unloaded('drivers', 'fpga', 'n1')
  expect(await again.ended).toEqual([0, null])
  expect(await again.stdout).toContain('(--keep-definitions)')
  await cluster.untilNamespaceGone()
  expect(await cluster.names('crds')).toContain(
    'customresourcedefinition.apiextensions.k8s.io/modules.kmm.sigs.x-k8s.io',
  )
})

test('what others keep is named, and the definitions stay until it is gone', async () => {
  await cluster.install()
  await cluster.loaded('drivers', 'fpga', 'n1')
  const patch = async (finalizers: string[] | null) =>
    await cluster.kubectl(
      'patch',
      'module',
      'fpga',
      '-n',
      'drivers',
      '--type=merge',
      '-p',
      JSON.stringify({ metadata: { finalizers } }),
    )
  await patch([moduleFinalizer, 'example.com/held'])
  const blocked = await uninstall('--keep-loaded', '--yes')
  expect(blocked.code).toBe(5)
  expect(blocked.stdout).toContain('drivers/fpga (finalizers: example.com/held)')
  await patch(null)
  expect(await uninstall('--keep-loaded', '--yes')).toMatchObject({ code: 0 })
  await cluster.untilNamespaceGone()
})

test('a release of Helm is left to Helm; the definitions, which it keeps, go', async () => {
  await cluster.install()
  const release = ['meta.helm.sh/release-name=kmm', `meta.helm.sh/release-namespace=${operatorNamespace}`]
  await cluster.kubectl(
    '-n',
    operatorNamespace,
    'annotate',
    'deployment',
    'kmm-operator-controller',
    ...release,
  )
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'helm.sh/release.v1',
    metadata: {
      namespace: operatorNamespace,
      name: 'sh.helm.release.v1.kmm.v1',
      labels: { owner: 'helm', name: 'kmm', status: 'deployed' },
    },
  })
  const done = await uninstall('--unload', '--yes')
  expect(done).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`Helm's part; run: helm uninstall kmm -n ${operatorNamespace}\n`),
  })
  const isDefinition = (name: string) => name.startsWith('customresourcedefinition')
  const left = await eventually(
    'the definitions are gone',
    () => cluster.installed(),
    (all) => !all.some(isDefinition),
  )
  expect(left).toContain('deployment.apps/kmm-operator-controller')

  await cluster.kubectl('-n', operatorNamespace, 'delete', 'secret', 'sh.helm.release.v1.kmm.v1')
  expect(await uninstall('--unload', '--yes')).toMatchObject({ code: 0 })
  await cluster.untilNamespaceGone()
})

test('what only looks like ours stays: objects of KMM’s hub, and a Secret in the operator’s namespace', async () => {
  await cluster.install()
  const names = { kind: 'ManagedClusterModule', plural: 'managedclustermodules' }
  const schema = { openAPIV3Schema: { type: 'object' } }
  const hub = 'managedclustermodules.hub.kmm.sigs.x-k8s.io'
  await cluster.apply(
    {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: {
        name: hub,
        annotations: {
          'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/kernel-module-management',
        },
      },
      spec: {
        group: 'hub.kmm.sigs.x-k8s.io',
        names,
        scope: 'Cluster',
        versions: [{ name: 'v1beta1', served: true, storage: true, schema }],
      },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: {
        name: 'kmm-operator-hub-manager-role',
        labels: { 'app.kubernetes.io/name': 'kmm-hub', 'app.kubernetes.io/part-of': 'kmm' },
      },
      rules: [],
    },
    { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: operatorNamespace, name: 'of-somebody' } },
  )
  expect(await uninstall('--unload', '--yes')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('(secrets/of-somebody)'),
  })
  await eventually(
    'our definitions are gone, and the one of the hub is not',
    () => cluster.names('crds'),
    (all) => expect(all).toEqual([`customresourcedefinition.apiextensions.k8s.io/${hub}`]),
  )
  expect(await cluster.names('clusterrole', 'kmm-operator-hub-manager-role')).toHaveLength(1)
  expect(await cluster.names('secret', 'of-somebody', '-n', operatorNamespace)).toHaveLength(1)
  await cluster.kubectl('delete', 'crd', hub)
  await cluster.kubectl('delete', 'clusterrole', 'kmm-operator-hub-manager-role')
  await cluster.kubectl('delete', 'namespace', operatorNamespace)
  await cluster.untilNamespaceGone()
})

test('missing rights are named one by one before anything is done', async () => {
  await cluster.install()
  const nobody = await uninstall('--unload', '--as', 'nobody')
  expect(nobody.code).toBe(6)
  for (const right of [
    'list modules.kmm.sigs.x-k8s.io in the cluster',
    `list leases.coordination.k8s.io in namespace ${operatorNamespace}`,
  ])
    expect(nobody.stderr).toContain(`  ${right}\n`)
  await cluster.kubectl('create', 'clusterrole', 'reader', '--verb=get,list,watch', '--resource=*.*')
  await cluster.kubectl('create', 'clusterrolebinding', 'reader', '--clusterrole=reader', '--user=reader')
  const shown = await uninstall('--unload', '--as', 'reader')
  expect(shown.code).toBe(0)
  expect(shown.stdout).toContain(`  patch deployments.apps in namespace ${operatorNamespace}\n`)
  const refused = await uninstall('--unload', '--as', 'reader', '--yes')
  expect(refused).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('delete namespaces in the cluster'),
  })
  expect(await cluster.installed()).toContain('deployment.apps/kmm-operator-controller')
  expect(await uninstall('--unload', '--yes')).toMatchObject({ code: 0 })
})
