import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { parse } from 'yaml'
import type { WriteBody } from '../../activities/kube/kube.ts'
import { pods } from '../../activities/kube/resources.ts'
import { commands } from '../../cli/commands.ts'
import { SimulatedTerminal } from '../../cli/output/testing/simulatedTerminal.ts'
import { buildNodeLabels } from '../../lab/realNodes.ts'
import { eventually } from '../support/eventually.ts'
import { plugin, startOnTerminal, startPlugin } from '../support/plugin.ts'
import { openRelay } from '../../lab/relay.ts'
import { kernel, type Scenario } from '../support/scenario.ts'
import { stories } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'
import { dockerfile, fetching, tinyDockerfile, tinyModule } from '../support/tinyModule.ts'

const lab = useLab()
const test = stories(lab)
const name = 'tiny'
const service = 'temporal-frontend'
const port = 7233
/** Of a finished run, in every format of its history. */
const workflowWord = 'build'

/**
 * The lab's Temporal as most clusters have theirs: a Service with a pod, which here hands on to the machine's port
 * `onward`, and the operator's configuration that names it.
 */
async function applyTemporal(story: Scenario, onward: number): Promise<void> {
  const { namespace, base } = story
  const { address, temporal } = lab.state
  const labels = { app: service }
  const command = [
    '/bin/busybox',
    'nc',
    '-ll',
    '-p',
    String(port),
    '-e',
    '/bin/busybox',
    'nc',
    address,
    String(onward),
  ]
  const pod: WriteBody = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: service, labels },
    spec: {
      nodeSelector: { ...buildNodeLabels },
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'relay', image: base, command, ports: [{ name: 'rpc', containerPort: port }] }],
    },
  } as WriteBody
  const ports = [{ port, targetPort: 'rpc' }]
  const configured = `${service}.${namespace}:${port}`
  const config = JSON.stringify({
    temporal: { address: configured, namespace: temporal.namespace, tls: { enabled: false } },
  })
  // The operator's own client knows no Services.
  await lab.kube.transport.json({
    verb: 'create',
    resource: 'services',
    path: `/api/v1/namespaces/${namespace}/services`,
    body: { metadata: { name: service }, spec: { selector: labels, ports } },
  })
  await story.apply(pod, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name: 'kmm-operator-manager-config' },
    data: { 'controller_config.yaml': config },
  } as WriteBody)
  await eventually(
    'the pod that stands for Temporal is Ready',
    () => lab.kube.get(pods, { namespace, name: service }),
    (seen) =>
      seen?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
  )
}

test('logs: live while it builds, and from Temporal through a port-forward of its own when the pod is gone', async ({
  open,
  gate,
  onTestFinished,
}) => {
  const story = await open('plugin')
  await story.addNode()
  const { namespace } = story
  const relay = await openRelay(lab.state.address, lab.state.temporal.address)
  onTestFinished(relay.close)
  const env = {
    KUBECONFIG: lab.state.kubernetes.kubeconfig,
    TEMPORAL_ADDRESS: '',
    TEMPORAL_NAMESPACE: '',
    KUBERNETES_SERVICE_HOST: '',
  }
  const at = ['-n', namespace, '--operator-namespace', namespace]
  const line = 'said while it builds'
  await story.applyTiny(name, [['echo', line], fetching(gate.wait)])
  await applyTemporal(story, relay.port)
  await gate.untilKnocked()

  const live = startPlugin(['logs', name, ...at], env)
  live.stdin.end()
  const ended = once(live, 'exit')
  let seen = ''
  live.stdout.setEncoding('utf8').on('data', (text: string) => void (seen += text))
  await eventually(
    'the log is there',
    () => seen,
    (text) => text.includes(line),
  )
  expect(live.exitCode).toBeNull()
  gate.open()
  expect(await ended).toEqual([0, null])
  await story.untilLoaded(name)
  await eventually(
    'the build pod is gone',
    () => story.pods.builds(),
    (all) => all.every(({ gone }) => gone),
  )

  const kept = await plugin(['logs', name, ...at], env)
  expect(kept).toMatchObject({ code: 0, stdout: expect.stringContaining(line) })
  expect(kept.stderr).toContain('as Temporal keeps it')
  const history = await plugin(['history', name, ...at], env)
  expect(history).toMatchObject({ code: 0, stderr: '' })
  expect(history.stdout).toMatch(/build \S+ in pod \S+ {2}\S+ {2}succeeded/)
})

test('on a terminal: the tree of status, drawn anew at each change until the Module is gone', async ({
  open,
  gate,
  onTestFinished,
}) => {
  const story = await open('watched')
  await story.addNode()
  await story.applyTiny(name, [fetching(gate.wait)])
  await gate.untilKnocked()
  const watch = startOnTerminal(['status', name, '-n', story.namespace, '--watch'], {
    KUBECONFIG: lab.state.kubernetes.kubeconfig,
  })
  onTestFinished(() => void watch.kill())
  const ended = once(watch, 'exit')
  const terminal = new SimulatedTerminal(80, 24)
  let written = ''
  watch.stdout.setEncoding('utf8').on('data', (piece: string) => {
    written += piece
    terminal.write(piece)
  })
  const drawn = (phase: string) =>
    eventually(
      `${phase} is drawn`,
      () => terminal.text,
      (text) => text.includes(`Kernel ${kernel}  ${phase}`),
    )
  await drawn('Building')
  gate.open()
  await drawn('Loaded')
  expect(written).toContain('\u001B[32m')
  expect(terminal.isOther).toBe(true)
  await story.deleteModule(name)
  expect(await ended).toEqual([0, null])
  expect(terminal).toMatchObject({
    isOther: false,
    cursorIsShown: true,
    text: expect.stringContaining('is gone'),
  })
})

test('every command answers, in every format it promises', async ({ open, onTestFinished }) => {
  const story = await open('commands')
  await story.addNode()
  const { namespace, base } = story
  const { kubernetes, registry, temporal } = lab.state
  const folder = await mkdtemp(join(tmpdir(), 'kmm-commands-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'module.yaml')
  const objects = [
    dockerfile(namespace, name, tinyDockerfile(base)),
    tinyModule({ namespace, name, registry }),
  ]
  await writeFile(file, objects.map((object) => JSON.stringify(object)).join('\n---\n'))
  const env = {
    KUBECONFIG: kubernetes.kubeconfig,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  }
  const asked = async (...line: readonly string[]) => {
    const { code, stdout, stderr } = await plugin([...line, '-n', namespace], env)
    expect({ code, stderr }, line.join(' ')).toEqual({ code: 0, stderr: '' })
    return stdout
  }
  expect(await asked('plan', '-f', file)).toContain('is new')
  await story.apply(...objects)
  await story.untilLoaded(name)

  const image = `${registry}/${namespace}/${name}:${kernel}`
  const lines: readonly [readonly string[], string][] = [
    [['list'], name],
    [['status', name], image],
    [['why', name], name],
    [['history', name], workflowWord],
    [['plan', '-f', file], 'sha256:'],
    [['resolve', '-f', file, '--kernel', kernel], image],
    [['open', name, '--ui', temporal.ui ?? ''], 'module%3A'],
  ]
  for (const [line, word] of lines) {
    const { wide } = commands.find((command) => command.name === line[0]) ?? {}
    for (const format of ['json', 'yaml', ...(wide === undefined ? [] : ['wide'])]) {
      const said = await asked(...line, '-o', format)
      expect(said, `${line.join(' ')} -o ${format}`).toContain(word)
      if (format === 'json') JSON.parse(said)
      if (format === 'yaml') parse(said)
    }
    expect(await asked(...line)).toContain(word)
  }
  const bundle = parse(await asked('support-bundle', name, '--file', '-')) as Record<string, unknown>
  expect(bundle).toMatchObject({
    modules: [{ metadata: { name } }],
    events: expect.arrayContaining([expect.objectContaining({ reason: 'BuildSucceeded' })]),
    temporal: expect.arrayContaining([expect.objectContaining({ status: 'COMPLETED' })]),
  })
  const nothing = await plugin(['retry', name, '-n', namespace], env)
  expect(nothing).toMatchObject({ code: 4 })
  const forbidden = await plugin(['status', name, '-n', namespace, '--as', 'nobody'], env)
  expect(forbidden).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('resource "modules.kmm.sigs.x-k8s.io"'),
  })
})

test('the image has the plugin: it lists Modules with a kubeconfig that is given to it', async ({ open }) => {
  const story = await open('image')
  const { namespace } = story
  await story.applyTiny(name)
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: 'plugin' },
    spec: {
      nodeSelector: { ...buildNodeLabels },
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
      volumes: [{ name: 'kube', secret: { secretName: 'kube' } }],
      containers: [
        {
          name: 'plugin',
          image: lab.workerImage,
          command: ['kubectl-kmod', 'list', '-n', namespace, '--kubeconfig', '/kube/config'],
          volumeMounts: [{ name: 'kube', mountPath: '/kube', readOnly: true }],
        },
      ],
    },
  } as WriteBody
  const config = await readFile(lab.state.kubernetes.kubeconfig, 'utf8')
  await story.apply(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name: 'kube' },
      stringData: { config },
    } as WriteBody,
    pod,
  )
  await eventually(
    'the plugin has ended',
    () => lab.kube.get(pods, { namespace, name: 'plugin' }),
    (seen) => expect(seen?.status?.phase).toBe('Succeeded'),
  )
  const log = await lab.kube.podLog({ namespace, name: 'plugin' }, { container: 'plugin' })
  expect(log).toMatch(new RegExp(`^NAMESPACE.*\\n${namespace} +${name} `))
})
