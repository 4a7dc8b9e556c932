import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createKube } from '../activities/kube/client.ts'
import { leases, modules, namespaces, nodes, secrets } from '../activities/kube/resources.ts'
import { annotations, labels, readyLabel, workerPodName } from '../api/names.ts'
import { moduleConfigHash } from '../api/nodeModulesConfig.ts'
import { smallSpec } from './moduleSpecs.ts'
import { plugin } from './support/plugin.ts'
import { PluginCluster } from './support/pluginCluster.ts'

/** `why` as a process, against objects that stand in a real API server; no operator and no Temporal are there. */
const kubeconfig = inject('kubeconfig')
const kube = createKube(kubeconfig)
const cluster = new PluginCluster(kube, `why-${process.pid}`)
const operatorNamespace = `why-operator-${process.pid}`
const { namespace } = cluster
const env = { KUBECONFIG: kubeconfig }
const kernel = '6.1.0-1-amd64'
const image = 'reg.example/a:1'
const digest = `sha256:${'1'.repeat(64)}`
const why = async (...line: string[]) =>
  await plugin(['why', ...line, '-n', namespace, '--operator-namespace', operatorNamespace], env)
const spec = (mapping: object = {}, change: object = {}) => ({
  ...smallSpec({ mapping }),
  selector: cluster.selector,
  ...change,
})
let node = ''
let nodeUid = ''

const renewLease = async (renewTime: string) => {
  const ref = { namespace: operatorNamespace, name: 'kmm.sigs.x-k8s.io' }
  await kube.patch(leases, ref, { spec: { holderIdentity: 'operator-1', renewTime } })
}
const microTime = (milliseconds: number) => new Date(milliseconds).toISOString().replace('Z', '000Z')

beforeAll(async () => {
  await cluster.open()
  await kube.create(namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: operatorNamespace },
  })
  await kube.create(leases, {
    apiVersion: leases.apiVersion,
    kind: 'Lease',
    metadata: { namespace: operatorNamespace, name: 'kmm.sigs.x-k8s.io' },
  })
  await renewLease(microTime(Date.now() + 600_000))
  node = await cluster.node()
  nodeUid = (await kube.get(nodes, { name: node }))?.metadata.uid ?? ''
})
afterAll(async () => await kube.close())

/** A Module with this entry in status, asked about as a process. */
async function caused(name: string, entry: object | undefined, of: object = spec()) {
  await cluster.module(name, of, entry && { kernels: [{ kernel, image, phase: 'Building', ...entry }] })
  return await why(name)
}

describe('causes that the API server alone can tell', () => {
  test('selector: the nearest node and its label', async () => {
    const { code, stdout } = await caused(
      'selector',
      undefined,
      spec({}, { selector: { ...cluster.selector, zone: 'a' } }),
    )
    expect(code).toBe(4)
    expect(stdout).toContain(`Nearest is ${node}: it has no label zone, wanted is zone=a.`)
    expect(stdout).toContain('Fails first: Module ')
    expect(stdout).toContain(`  kubectl label --overwrite node ${node} zone=a`)
  })

  test('kernel mapping, template', async () => {
    expect((await caused('mapping', undefined, spec({ regexp: '^5' }))).stdout).toContain(
      `kernel mapping NoMapping: No kernel mapping matches kernel ${kernel}; there are: ^5.`,
    )
    const template = await caused('template', undefined, spec({ containerImage: 'reg.example/a:$NOPE' }))
    expect(template).toMatchObject({ code: 4, stdout: expect.stringContaining('unknown variable NOPE') })
  })

  test('registry, and an image that nobody builds', async () => {
    const down = await caused('registry', {
      phase: 'CheckingImage',
      reason: 'RegistryUnreachable',
      message: 'connection refused',
    })
    expect(down).toMatchObject({
      code: 4,
      stdout: expect.stringContaining('RegistryUnreachable: connection refused'),
    })
    const missing = await caused('missing', {
      phase: 'WaitingForImage',
      reason: 'ImageMissing',
      message: 'does not exist',
    })
    expect(missing.stdout).toContain(`crane digest ${image}`)
  })

  const build = { dockerfileConfigMap: { name: 'no-such-dockerfile' } }
  test('Dockerfile: the ConfigMap is read by its name', async () => {
    const { code, stdout } = await caused('dockerfile', { phase: 'InputInvalid' }, spec({ build }))
    expect(code).toBe(4)
    expect(stdout).toContain('Dockerfile     DockerfileConfigMapMissing: ')
    expect(stdout).toContain(`kubectl -n ${namespace} create configmap no-such-dockerfile`)
  })

  test('secrets: whether they exist, never what they hold', async () => {
    const about = (name: string) => spec({}, { imageRepoSecret: { name } })
    await kube.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name: 'there' },
      stringData: { password: 'very-secret' },
    })
    await cluster.dockerfile('df')
    const built = { build: { dockerfileConfigMap: { name: 'df' } } }
    const missing = await caused('secret', {}, { ...spec(built), imageRepoSecret: { name: 'nope' } })
    expect(missing.stdout).toContain(`SecretMissing: Secret ${namespace}/nope does not exist.`)
    const there = await caused(
      'secret-there',
      {},
      { ...spec(built), ...about('there'), selector: cluster.selector },
    )
    expect(there.stdout).toContain('there there; what they hold is not looked at')
    expect(JSON.stringify(there)).not.toContain('very-secret')
  })

  test('build: the reason, the error lines, the commands', async () => {
    await cluster.dockerfile('df-build')
    const { code, stdout } = await caused(
      'compile',
      {
        phase: 'BuildFailed',
        reason: 'CompileFailed',
        message: 'it does not compile.',
        errorLines: 'a.c:1: error',
        buildPod: 'p-1',
      },
      spec({ build: { dockerfileConfigMap: { name: 'df-build' } } }),
    )
    expect(code).toBe(4)
    expect(stdout).toContain('✘ build          CompileFailed: it does not compile.')
    expect(stdout).toContain('a.c:1: error')
    expect(stdout).toContain(`kubectl kmod retry compile -n ${namespace} --kernel ${kernel}`)
  })

  test('worker pod, and modprobe, of one node that is named', async () => {
    const config = {
      kernelVersion: kernel,
      containerImage: `${image}@${digest}`,
      insecurePull: false,
      modprobe: { moduleName: 'm', dirName: '/opt' },
    }
    const ref = { namespace, name: 'pull' }
    await cluster.pod(workerPodName(nodeUid, ref), {
      labels: {
        [labels.moduleName]: 'pull',
        [labels.workerAction]: 'Load',
        [labels.configHash]: moduleConfigHash(config),
      },
      annotations: {
        [annotations.workerConfig]: JSON.stringify({ action: 'Load', bootId: 'boot', config }),
      },
      nodeName: node,
      container: 'worker',
      status: {
        phase: 'Pending',
        containerStatuses: [
          {
            name: 'worker',
            image: 'x',
            imageID: '',
            ready: false,
            restartCount: 0,
            state: { waiting: { reason: 'ImagePullBackOff', message: 'not found' } },
          },
        ],
      },
    })
    await cluster.module('pull', spec(), { kernels: [{ kernel, image, digest, phase: 'Loading' }] })
    const pull = await why('pull', node)
    expect(pull).toMatchObject({
      code: 4,
      stdout: expect.stringMatching(/worker pod +ImagePullBackOff: pod \S+: not found/),
    })

    const failure = {
      action: 'Load',
      configHash: moduleConfigHash(config),
      bootId: 'boot',
      reason: 'KeyRejected',
      message: 'modprobe: Key was rejected by service',
      at: '2026-01-01T00:00:00Z',
      attempts: 1,
    }
    await cluster.record(node, {
      spec: { modules: [] },
      status: { modules: [{ namespace, name: 'key', serviceAccountName: 'default', failure }] },
    })
    const key = await caused('key', { phase: 'LoadFailed', digest })
    expect(key.stdout).toContain(
      '✘ modprobe       KeyRejected: Load failed: modprobe: Key was rejected by service',
    )

    const loaded = { namespace, name: 'loaded', serviceAccountName: 'default', config, bootId: 'boot' }
    await cluster.record(node, { spec: { modules: [loaded] }, status: { modules: [loaded] } })
    await kube.patch(nodes, { name: node }, { metadata: { labels: { [readyLabel(loaded)]: '' } } })
    const good = await caused('loaded', { phase: 'Loaded', digest })
    expect(good).toMatchObject({ code: 0, stdout: expect.stringContaining('is loaded.') })
  })

  test('namespace: a Pod Security level that refuses the pods', async () => {
    const label = 'pod-security.kubernetes.io/enforce'
    await kube.patch(namespaces, { name: namespace }, { metadata: { labels: { [label]: 'restricted' } } })
    const { code, stdout } = await caused('security', {})
    expect(code).toBe(4)
    expect(stdout).toContain('enforces Pod Security "restricted"; worker pods need "privileged".')
    await kube.patch(namespaces, { name: namespace }, { metadata: { labels: { [label]: 'privileged' } } })
  })

  test('operator: its Lease is old, and the rest is said all the same', async () => {
    await renewLease('2026-01-01T00:00:00.000000Z')
    const { code, stdout } = await why('compile')
    await renewLease(microTime(Date.now() + 600_000))
    expect(code).toBe(4)
    expect(stdout).toMatch(/✘ operator +OperatorDown: operator-1 has not renewed its Lease for/)
    expect(stdout).toContain('✘ build          CompileFailed')
  })
})

test('under way: exit code 5', async () => {
  const { code, stdout } = await caused('asking', { phase: 'CheckingImage' })
  expect(code).toBe(5)
  expect(stdout).toContain(`Is waited for: Kernel ${kernel}, registry: CheckingImage`)
})

test('-o json is the checklist for programs', async () => {
  const { stdout } = await why('compile', '-o', 'json')
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: 'fails',
    first: { check: 'build', reason: 'CompileFailed', commands: expect.any(Array) as unknown },
  })
})

test('a Module or a node that is not there: exit code 3', async () => {
  expect(await why('nope')).toMatchObject({ code: 3 })
  expect(await why('compile', 'no-node')).toMatchObject({
    code: 3,
    stderr: 'kubectl kmod: There is no node no-node.\n',
  })
})

test('with the right to read Modules alone it says what it could not look at', async () => {
  await cluster.mayReadModules('reader')
  const { code, stdout } = await why('compile', '--as', 'reader')
  expect(code).toBe(5)
  expect(stdout).toContain('? selector       nodes were not looked at: you may not list nodes in the cluster')
  expect(stdout).toContain(
    `? operator       its Lease was not looked at: you may not get leases.coordination.k8s.io in namespace ${operatorNamespace}`,
  )
})

test('retry sets the annotation for who may patch Modules, and names the right for who may not', async () => {
  const steer = async (...line: string[]) => await plugin([...line, '-n', namespace], env)
  expect(await steer('retry', 'compile', '--as', 'reader')).toMatchObject({
    code: 6,
    stderr: expect.stringContaining(`You may not patch modules.kmm.sigs.x-k8s.io in namespace ${namespace}.`),
  })
  const annotation = async () =>
    (await kube.get(modules, { namespace, name: 'compile' }))?.metadata.annotations?.[annotations.retryBuild]
  expect(await annotation()).toBeUndefined()
  expect(await steer('retry', 'compile', '--kernel', kernel)).toMatchObject({ code: 0 })
  expect(await annotation()).toBe(kernel)
  expect(await steer('retry', 'compile', '--kernel', 'other')).toMatchObject({ code: 4 })
  expect(await steer('cancel', 'compile')).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('is being built: there is nothing to cancel'),
  })
})
