import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { modules, namespaces, nodes } from '../../../activities/kube/resources.ts'
import { apiVersion, readyLabel } from '../../../api/names.ts'
import { operatorName } from '../../../api/permissions.ts'
import { operatorNamespace } from '../../../lab/operatorAccount.ts'
import { runOrThrow } from '../../../lab/programs/exec.ts'
import { ensurePrograms } from '../../../lab/programs/ensure.ts'
import { buildNodeLabels, loadNodeLabels, loadNodeName } from '../../../lab/realNodes.ts'
import { eventually } from '../../support/eventually.ts'
import { pushInTreeModule } from '../../support/inTreeImage.ts'
import { plugin } from '../../support/plugin.ts'
import { useInstallation } from '../../support/stories.ts'
import { deployFolder, useLab } from '../../support/testLab.ts'

/** Each test goes on where the one before it ended: installed with kustomize, taken off, installed with Helm, taken off. */
const lab = useLab()
const operator = useInstallation(lab)
const namespace = 'uninstalls'
const ref = { namespace, name: 'brd' } as const

const isLoaded = async () => (await lab.vm.lsmod()).some(({ name }) => name === ref.name)
const kubectl = async (...line: string[]) =>
  await runOrThrow([
    await ensurePrograms(['kubectl']).path('kubectl'),
    `--kubeconfig=${lab.state.kubernetes.kubeconfig}`,
    ...line,
  ])
const uninstall = async (...flags: string[]) =>
  await plugin(['uninstall', ...flags], { KUBECONFIG: lab.state.kubernetes.kubeconfig })

async function applyModule(): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' }
  const mapping = {
    regexp: '^.+$',
    containerImage: `${lab.state.registry}/${namespace}/brd:\${KERNEL_FULL_VERSION}`,
    registryTLS: { insecure: true },
  }
  const container = { modprobe: { moduleName: 'brd' }, kernelMappings: [mapping] }
  for (const body of [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
    {
      apiVersion,
      kind: 'Module',
      metadata: ref,
      spec: { selector: loadNodeLabels, moduleLoader: { container } },
    },
  ]) {
    await lab.kube.applyObject(body, { fieldManager: 'kubectl', force: true })
  }
  await eventually(
    'the module is loaded, and the node is labelled',
    async () => (await lab.kube.get(nodes, { name: loadNodeName }))?.metadata.labels?.[readyLabel(ref)],
    (label) => label === '',
  )
  expect(await isLoaded()).toBe(true)
}

/** An overlay such as docs/install.md shows. */
function writeOverlay(): string {
  const folder = join(lab.folder.dir, 'overlay')
  mkdirSync(folder, { recursive: true })
  const [, newName = '', newTag = ''] = /^(.*):([^:]+)$/.exec(lab.workerImage) ?? []
  const { podAddress, namespace: temporalNamespace } = lab.state.temporal
  const env = [
    { name: 'RELATED_IMAGE_WORKER', value: lab.workerImage },
    { name: 'TEMPORAL_ADDRESS', value: podAddress },
    { name: 'TEMPORAL_NAMESPACE', value: temporalNamespace },
    { name: 'TEMPORAL_TLS', value: 'false' },
  ]
  const metadata = { name: operatorName, namespace: operatorNamespace }
  const template = { spec: { nodeSelector: { ...buildNodeLabels }, containers: [{ name: 'operator', env }] } }
  const patch = stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template } })
  const kustomization = {
    resources: [`${'../'.repeat(folder.split('/').length - 1)}${deployFolder.slice(1)}`],
    images: [{ name: 'ghcr.io/kmm-temporal/kmm-temporal', newName, newTag }],
    patches: [{ patch }],
  }
  writeFileSync(join(folder, 'kustomization.yaml'), stringify(kustomization))
  return folder
}

afterAll(async () => {
  const stored = await lab.kube.get(namespaces, { name: namespace })
  if (stored) await lab.kube.delete(namespaces, { name: namespace }, { uid: stored.metadata.uid })
})

test('installed with kustomize it loads; --keep-loaded takes everything away but what is in the kernel', async () => {
  const image = `${lab.state.registry}/${namespace}/brd`
  for (const kernel of lab.vm.kernels) await pushInTreeModule(`${image}:${kernel}`, kernel, 'brd')
  await kubectl('apply', '--server-side', '--force-conflicts', '-k', writeOverlay())
  await kubectl(
    '-n',
    operatorNamespace,
    'rollout',
    'status',
    'deployment/kmm-operator-controller',
    '--timeout=3m',
  )
  await applyModule()

  const dryRun = await uninstall('--keep-loaded')
  expect(dryRun).toMatchObject({ code: 0 })
  expect(dryRun.stdout).toContain(`${namespace}/brd`)
  expect(await lab.kube.get(modules, ref)).toBeDefined()

  const done = await uninstall('--keep-loaded', '--yes')
  expect(done.code, done.stderr).toBe(0)
  await expectNothingOfOurs()
  expect(await isLoaded()).toBe(true)
})

test('installed with Helm it takes over; --unload unloads first, and leaves Helm what is Helm’s', async () => {
  await eventually(
    'the namespace of the installation before is gone',
    () => lab.kube.get(namespaces, { name: operatorNamespace }),
    (found) => found === undefined,
  )
  await operator.start()
  await applyModule()
  const done = await uninstall('--unload', '--yes')
  expect(done.code, done.stderr).toBe(0)
  expect(done.stderr).toContain('helm uninstall kmm-temporal')
  expect(await isLoaded()).toBe(false)
  await operator.uninstall()
  await expectNothingOfOurs()
})

async function expectNothingOfOurs(): Promise<void> {
  await eventually(
    'the definitions are gone',
    () => kubectl('get', 'crds', '-o', 'name'),
    (names) => expect(names).not.toContain('kmm.sigs.x-k8s.io'),
  )
  const node = await lab.kube.get(nodes, { name: loadNodeName })
  expect(Object.keys(node?.metadata.labels ?? {}).filter((key) => key.startsWith('kmm.node'))).toEqual([])
  const kinds = 'validatingadmissionpolicies,clusterroles,clusterrolebindings'
  expect(await kubectl('get', kinds, '-l', 'app.kubernetes.io/part-of=kmm', '-o', 'name')).toBe('')
  expect(await operator.pods()).toEqual([])
}
