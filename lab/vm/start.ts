import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { NetworkPlan } from '../network.ts'
import { runOrThrow } from '../programs/exec.ts'
import type { ManagedProcess, Supervisor } from '../supervisor.ts'
import { type GuestNode, packConfiguration, writeConfiguration } from './configuration.ts'
import { vmPaths, vmPorts } from './paths.ts'
import type { VmArtefacts } from './prepare.ts'
import { qemuArguments } from './qemu.ts'
import { describeVm, openVm, pointTo, setPower, type Vm } from './vm.ts'

/** A virtual machine this process started. */
export interface StartedVm extends Vm {
  readonly process: ManagedProcess
}

/** How a virtual machine is to be. */
export interface VmOptions {
  /** Folder of its disk and sockets; the disk is used again at the next start. */
  readonly dir: string
  readonly supervisor: Supervisor
  readonly artefacts: VmArtefacts
  /** Kubeconfig file that may read Nodes. */
  readonly kubeconfig: string
  readonly node: GuestNode
  /** The host's bridge, which gets the node's address too, and its own address there. */
  readonly network: Pick<NetworkPlan, 'bridge' | 'address'>
  /** Release to boot; by default the newest. */
  readonly kernel?: string
  /** Default 2. */
  readonly cpus?: number
  /** Default 2048. */
  readonly memoryMiB?: number
}

const bootPatienceMs = 240_000

/**
 * Starts a virtual machine that joins the cluster as a node, and resolves when the Node is Ready. Its disk is a copy
 * of the prepared one, made when `dir` has none of the same content. Throws a ProgramError with the last lines of
 * the console when the guest does not boot or join.
 */
export async function startVm(options: VmOptions): Promise<StartedVm> {
  const { supervisor, artefacts, network, node } = options
  const { name, address } = node
  const dir = resolve(options.dir)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const logs = join(supervisor.dir, 'logs')
  const paths = vmPaths(dir)
  const ports = vmPorts(dir, logs, name)

  const [newest] = artefacts.kernels
  const kernel = artefacts.kernels.find(({ release }) => release === (options.kernel ?? newest?.release))
  if (kernel === undefined) {
    const known = artefacts.kernels.map(({ release }) => release).join(' and ')
    throw new Error(`${name} has no kernel ${options.kernel ?? ''}: it has ${known}`)
  }
  pointTo(paths.kernel, kernel.kernel)
  pointTo(paths.initrd, kernel.initrd)
  const disk = await ownDisk(dir, artefacts)
  writeConfiguration(node, paths.configurationFiles)
  await packConfiguration(paths.configurationFiles, paths.configuration)
  for (const log of Object.values(ports.logs)) if (existsSync(log)) renameSync(log, `${log}.1`)
  // Local, but not as the source of packets: the guest has this address too, and drops what comes from itself.
  const route = ['local', `${address}/32`, 'dev', network.bridge, 'src', network.address]
  await runOrThrow(['ip', 'route', 'replace', ...route])
  setPower(paths.power, 'on')
  describeVm(dir, { name, kubeconfig: options.kubeconfig, logs, kernels: [...artefacts.kernels] })

  const vm = openVm(dir)
  const process = await supervisor.start({
    name,
    command: [
      'sh',
      join(import.meta.dirname, 'run.sh'),
      paths.power,
      artefacts.qemu,
      ...qemuArguments({
        name,
        accelerator: artefacts.accelerator,
        cpus: options.cpus ?? 2,
        memoryMiB: options.memoryMiB ?? 2048,
        kernel: paths.kernel,
        initrd: paths.initrd,
        disk,
        configuration: paths.configuration,
        ports,
        kubelet: { address, port: node.kubeletPort },
      }),
    ],
    ready: { probe: () => vm.joined(0), timeoutMs: bootPatienceMs },
    fix: `see also ${ports.logs.kubelet} and ${ports.logs.containerd}; or begin anew with --fresh`,
    stop: { timeoutMs: 5_000 },
  })
  return { ...vm, process }
}

/** The machine's own copy of the prepared disk; copies of other contents are removed. */
async function ownDisk(dir: string, artefacts: VmArtefacts): Promise<string> {
  const { key, file } = artefacts.disk
  const name = `disk-${key}.img`
  for (const other of readdirSync(dir)) {
    if (other.startsWith('disk-') && other !== name) rmSync(join(dir, other))
  }
  const disk = join(dir, name)
  if (!existsSync(disk)) {
    await runOrThrow(['cp', '--sparse=always', '--reflink=auto', file, `${disk}.new`])
    renameSync(`${disk}.new`, disk)
  }
  return disk
}
