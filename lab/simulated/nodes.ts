import { join } from 'node:path'
import { ApiException, CoreV1Api, KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { flags } from '../flags.ts'
import { tcpProbe } from '../probes.ts'
import type { ProgramPaths } from '../programPaths.ts'
import type { ManagedProcess, Supervisor } from '../supervisor.ts'

/** The taint of simulated nodes. Build pods never tolerate it: on such a node a build would "succeed" unbuilt. */
export const simulatedTaint = { key: 'kwok.x-k8s.io/node', value: 'simulated', effect: 'NoSchedule' } as const

const managed = { 'kwok.x-k8s.io/node': 'simulated' } as const

/** Starts KWOK, which plays all simulated nodes and the pods on them (see stages.yaml). Throws a ProgramError. */
export async function startKwok(options: {
  readonly supervisor: Supervisor
  readonly programs: ProgramPaths
  readonly kubeconfig: string
  /** Port of its health endpoint on 127.0.0.1. */
  readonly port: number
}): Promise<ManagedProcess> {
  const server = `127.0.0.1:${options.port}`
  return await options.supervisor.start({
    name: 'kwok',
    command: [
      await options.programs.path('kwok'),
      ...flags({
        kubeconfig: options.kubeconfig,
        config: join(import.meta.dirname, 'stages.yaml'),
        'manage-all-nodes': false,
        'manage-nodes-with-annotation-selector': Object.entries(managed)[0]?.join('='),
        'node-lease-duration-seconds': 40,
        'server-address': server,
      }),
    ],
    ready: { probe: tcpProbe('127.0.0.1', options.port), timeoutMs: 60_000 },
    fix: 'see the log',
  })
}

/** A node that exists in the API only. */
export interface SimulatedNode {
  /** Must begin with "simulated-": a simulation says so in its name. */
  readonly name: string
  /** status.nodeInfo.kernelVersion, such as 6.1.0-50-amd64. */
  readonly kernelVersion: string
  /** status.nodeInfo.bootID. */
  readonly bootId: string
  readonly labels?: Readonly<Record<string, string>>
  /** status.nodeInfo.osImage, "simulated" by default. */
  readonly osImage?: string
}

/**
 * Adds a simulated node, or changes the one of this name to another kernel or boot ("reboots" it). Needs KWOK to
 * become Ready. Throws when the name does not say that it is simulated.
 */
export async function addSimulatedNode(kubeconfig: string, node: SimulatedNode): Promise<void> {
  if (!node.name.startsWith('simulated-')) {
    throw new Error(`the name of a simulated node must begin with "simulated-", this one is ${node.name}`)
  }
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
  const resources = { cpu: '8', memory: '16Gi', pods: '110' }
  const identity = { kernelVersion: node.kernelVersion, bootID: node.bootId }
  try {
    await core.createNode({
      body: {
        metadata: {
          name: node.name,
          annotations: managed,
          labels: {
            // KWOK's own label of such nodes: builds are never placed there, whatever their Module tolerates.
            type: 'kwok',
            'kubernetes.io/arch': architecture,
            'kubernetes.io/os': 'linux',
            'kubernetes.io/hostname': node.name,
            ...node.labels,
          },
        },
        spec: { taints: [simulatedTaint] },
        status: {
          allocatable: resources,
          capacity: resources,
          addresses: [{ type: 'Hostname', address: node.name }],
          nodeInfo: {
            ...identity,
            architecture,
            operatingSystem: 'linux',
            osImage: node.osImage ?? 'simulated',
            containerRuntimeVersion: 'simulated',
            kubeletVersion: 'simulated',
            kubeProxyVersion: '',
            machineID: '',
            systemUUID: '',
          },
        },
      },
    })
  } catch (error) {
    if (!(error instanceof ApiException) || error.code !== 409) throw error
    const patch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
    const { name } = node
    await core.patchNodeStatus({ name, body: { status: { nodeInfo: identity } } }, patch)
    if (node.labels !== undefined)
      await core.patchNode({ name, body: { metadata: { labels: node.labels } } }, patch)
  }
}
