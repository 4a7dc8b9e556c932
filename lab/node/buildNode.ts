import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { ControlPlane } from '../controlPlane.ts'
import { openLedger } from '../ledger.ts'
import { attachNode, type NetworkPlan } from '../network.ts'
import type { ProgramPaths } from '../programPaths.ts'
import { childrenOf } from '../procfs.ts'
import type { ManagedProcess, Supervisor } from '../supervisor.ts'
import type { RegistryAccess } from '../registryAccess.ts'
import { startServiceProxy } from '../services/proxy.ts'
import { nodeReadyProbe } from './nodeReady.ts'
import { writeContainerdConfig, writeKubeletConfig, writeRegistryAccess } from './nodeFiles.ts'

/** A real node on this machine. */
export interface BuildNode {
  readonly name: string
  readonly containerd: ManagedProcess
  readonly kubelet: ManagedProcess
  /** Lets this node pull from a registry, HOST:PORT. */
  trustRegistry(host: string, access?: RegistryAccess): void
}

/**
 * Starts a node on this machine for pods that build: containerd and kubelet in namespaces of their own for mounts,
 * processes, network, host name and cgroups. The machine's own mounts, folders and kernel parameters stay as they
 * are, and all of the node goes when its first process dies. Needs root on Linux. Resolves when the Node is Ready;
 * throws a ProgramError.
 */
export async function startBuildNode(options: {
  /** Folder for images, kubelet state, logs and configuration; kept. */
  readonly dir: string
  readonly name: string
  readonly supervisor: Supervisor
  readonly programs: ProgramPaths
  readonly controlPlane: ControlPlane
  readonly network: NetworkPlan
  /** HOST:PORT of the lab's registry (plain HTTP). */
  readonly registry: string
  readonly pauseImage: string
  /** Module trees the node sees (and nothing else) in /lib/modules: folders named like their kernel releases. */
  readonly moduleTrees: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}): Promise<BuildNode> {
  const { dir, name, supervisor, programs, controlPlane, network, registry } = options
  mkdirSync(dir, { recursive: true })
  const ledger = openLedger(supervisor.dir)
  const script = (file: string) => join(import.meta.dirname, file)

  const state = join(dir, 'state')
  const ready = join(dir, 'ready')
  rmSync(ready, { force: true })
  const cgroup = `kmm-lab-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`
  ledger.record({ kind: 'cgroup', name: cgroup })
  const holder = await supervisor.start({
    name: `${name}-holder`,
    command: [
      'sh',
      script('isolate.sh'),
      cgroup,
      'sh',
      script('hold.sh'),
      name,
      state,
      ready,
      ...options.moduleTrees,
    ],
    ready: {
      probe: async () => {
        if (!existsSync(ready)) throw new Error('its mounts are not set up')
      },
      timeoutMs: 60_000,
    },
    fix: 'the build node needs root on Linux with namespaces, cgroups and overlayfs; use --nodes simulated without',
    stop: { signal: 'SIGKILL' },
  })
  const [first] = childrenOf(holder.pid)
  if (first === undefined) throw new Error(`the first process of ${name} is gone`)
  await attachNode(network, ledger, first)
  writeRegistryAccess(state, registry)

  const inside = (command: readonly string[]) =>
    ['sh', script('enter.sh'), String(first), ...command] as [string, ...string[]]
  const containerdProgram = await programs.path('containerd')
  const containerdConfig = writeContainerdConfig({
    dir,
    state,
    pauseImage: options.pauseImage,
    podNetwork: network.podNetwork,
    runc: await programs.path('runc'),
    cniPlugins: await programs.path('cni-plugins'),
  })
  const containerd = await supervisor.start({
    name: `${name}-containerd`,
    command: inside([containerdProgram, '--config', containerdConfig]),
    // It looks for its shim there.
    env: { PATH: [dirname(containerdProgram), process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter) },
    ready: {
      probe: async () => {
        if (!existsSync(`/proc/${first}/root/run/containerd/containerd.sock`)) throw new Error('no socket')
      },
      timeoutMs: 60_000,
    },
    fix: 'see the log',
  })
  const since = new Date()
  const kubelet = await supervisor.start({
    name: `${name}-kubelet`,
    command: inside([
      await programs.path('kubelet'),
      ...writeKubeletConfig({
        dir,
        name,
        address: network.nodeAddress,
        dns: network.address,
        caFile: controlPlane.caFile,
        kubeconfig: await controlPlane.nodeKubeconfig(name),
        labels: options.labels,
      }),
    ]),
    ready: { probe: nodeReadyProbe(controlPlane.kubeconfig, name, since), timeoutMs: 120_000 },
    fix: `see the log; a firewall must let ${network.network} reach this machine`,
  })
  await startServiceProxy({
    dir,
    name,
    address: network.nodeAddress,
    podNetwork: network.podNetwork,
    kubeconfig: await controlPlane.componentKubeconfig('kube-proxy'),
    supervisor,
    programs,
    inside,
  })
  return {
    name,
    containerd,
    kubelet,
    trustRegistry: (host, access) => writeRegistryAccess(state, host, access),
  }
}
