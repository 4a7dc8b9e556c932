import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { logTail } from '../logTail.ts'
import { type RegistryAccess, registryFiles } from '../registryAccess.ts'
import { packConfiguration, registriesFolder } from './configuration.ts'
import { type GuestConsole, MachineOff, openConsole } from './console.ts'
import { quit } from './control.ts'
import { type LoadedModule, parseModules } from './loadedModules.ts'
import { nodeView } from './node.ts'
import { vmPaths, vmPorts } from './paths.ts'
import type { VmPorts } from './qemu.ts'

/** What other processes must know to use a machine; the rest follows from its folder. */
const descriptionSchema = z.object({
  name: z.string(),
  /** Kubeconfig file that may read Nodes. */
  kubeconfig: z.string(),
  /** Folder with the logs of QEMU (which holds the console) and of the guest's programs. */
  logs: z.string(),
  kernels: z.array(z.object({ release: z.string(), kernel: z.string(), initrd: z.string() })),
})

/** See `descriptionSchema`. */
export type VmDescription = z.infer<typeof descriptionSchema>

/** A real node with a kernel of its own, in a virtual machine. */
export interface Vm {
  readonly name: string
  /** Runs commands in the guest, as root. */
  readonly console: GuestConsole
  /** Sockets and log files of the machine. */
  readonly ports: VmPorts
  /** Releases it can boot, newest first; the disk has the modules of each. */
  readonly kernels: readonly string[]
  /** The modules in the guest's kernel now, from the guest itself. */
  lsmod(): Promise<readonly LoadedModule[]>
  /** Resolves when the Node shows the guest's present boot and is Ready; throws what is missing at the deadline. */
  joined(timeoutMs?: number): Promise<void>
  /**
   * Writes the guest's files to disk and starts it again, with another of its kernels when `kernel` names one.
   * Resolves as `joined` does. When this takes less than the cluster's grace for silent nodes (50 s), the Node is
   * not seen as not Ready.
   */
  reboot(options?: { readonly kernel?: string }): Promise<void>
  /** Writes the guest's files to disk and turns it off. The Node stays and falls silent. */
  powerOff(): Promise<void>
  /** Turns it on again after powerOff; otherwise as `reboot`. */
  powerOn(options?: { readonly kernel?: string }): Promise<void>
  /** Lets the node pull from a registry, HOST:PORT. Also after reboots. */
  trustRegistry(host: string, access?: RegistryAccess): Promise<void>
}

const joinPatienceMs = 240_000
/** So often a guest that was up may restart by itself until somebody sees it up again. */
const selfRestarts = 5

/**
 * The virtual machine in `dir`, which any process may use while the lab that started it runs. Throws when there is
 * none.
 */
export function openVm(dir: string): Vm {
  const folder = resolve(dir)
  const paths = vmPaths(folder)
  const { name, kubeconfig, logs, kernels } = readDescription(paths.description)
  const ports = vmPorts(folder, logs, name)
  const guest = openConsole(ports.commands, () => lastWords(join(logs, `${name}.log`)))
  // The question waits at the port until the guest has booted far enough to answer.
  const booting = openConsole(ports.commands)
  const node = nodeView(kubeconfig, name)

  const kernelNamed = (release: string) => {
    const kernel = kernels.find((known) => known.release === release)
    if (kernel !== undefined) return kernel
    const known = kernels.map((each) => each.release).join(' and ')
    throw new Error(`${name} has no kernel ${release}: it has ${known}`)
  }
  const boot = (release: string) => {
    const kernel = kernelNamed(release)
    pointTo(paths.kernel, kernel.kernel)
    pointTo(paths.initrd, kernel.initrd)
  }
  const requireJoined = async () => {
    const { output } = await booting.run('uname -r; cat /proc/sys/kernel/random/boot_id')
    const [release = '', bootId = ''] = output.split('\n')
    try {
      await node.requireReady({ bootId, release })
    } catch (error) {
      const said = logTail(ports.logs.kubelet, 1).map((line) => `; its kubelet: ${line}`)
      throw new Error(`${messageOf(error)}${said.join('')}`, { cause: error })
    }
  }
  const joined = async (timeoutMs = joinPatienceMs) => {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      try {
        await requireJoined()
        return setPower(paths.power, selfRestarts)
      } catch (error) {
        if (error instanceof MachineOff || performance.now() > deadline) throw error
      }
      await sleep(200)
    }
  }
  const back = async () => {
    try {
      await joined()
    } catch (error) {
      const words = lastWords(join(logs, `${name}.log`))
      throw new Error(`${name} did not come back: ${messageOf(error)}${words}`, { cause: error })
    }
  }
  const end = async (next: 'off' | 'restart') => {
    // A guest that hangs must still go off.
    await guest.run('sync', 5_000).catch(() => undefined)
    setPower(paths.power, next)
    await quit(ports.control)
  }
  return {
    name,
    console: guest,
    ports,
    kernels: kernels.map(({ release }) => release),
    lsmod: async () => parseModules((await guest.run('cat /proc/modules')).output),
    joined,
    async reboot({ kernel } = {}) {
      if (kernel !== undefined) boot(kernel)
      await end('restart')
      await back()
    },
    powerOff: () => end('off'),
    async powerOn({ kernel } = {}) {
      if (kernel !== undefined) boot(kernel)
      // Not 'on': run.sh would take the end of a machine that is only just going off for one nobody asked for.
      setPower(paths.power, 'restart')
      await back()
    },
    async trustRegistry(host, access) {
      for (const [path, text] of Object.entries(registryFiles(registriesFolder, host, access))) {
        const kept = join(paths.configurationFiles, 'certs.d', path)
        mkdirSync(dirname(kept), { recursive: true })
        writeFileSync(kept, text)
        const file = `${registriesFolder}/${path}`
        const base64 = Buffer.from(text).toString('base64')
        const command = `mkdir -p "$(dirname ${file})" && echo ${base64} | base64 -d >${file}`
        const { output, status } = await guest.run(command)
        if (status !== 0) throw new Error(`${file} cannot be written in ${name}: ${output}`)
      }
      await packConfiguration(paths.configurationFiles, paths.configuration)
    },
  }
}

/** Writes what `openVm` needs. */
export function describeVm(dir: string, description: VmDescription): void {
  writeFileSync(vmPaths(dir).description, `${JSON.stringify(description, undefined, 2)}\n`)
}

function readDescription(file: string): VmDescription {
  try {
    return descriptionSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    throw new Error(`there is no virtual machine in ${dirname(file)}: start the lab with one`, {
      cause: error,
    })
  }
}

/** Says what run.sh shall do; see there. */
export function setPower(file: string, wanted: 'on' | 'off' | 'restart' | number): void {
  writeFileSync(`${file}.new`, `${wanted}\n`)
  renameSync(`${file}.new`, file)
}

/** Makes `link` point to `target`, whatever it was. */
export function pointTo(link: string, target: string): void {
  rmSync(link, { force: true })
  symlinkSync(target, link)
}

/** guest/init.sh says this first. */
const bootMark = 'kmm-vm: booting'

/** What a guest said last, with the reason of a panic, which stands far above the end. */
export function lastWords(log: string): string {
  const all = logTail(log, 150)
  const lines = all.slice(
    Math.max(
      0,
      all.findLastIndex((line) => line.includes(bootMark)),
    ),
  )
  if (lines.length === 0) return ''
  const panic = lines.findLastIndex((line) => line.includes('Kernel panic'))
  const reason = panic === -1 || panic >= lines.length - 10 ? [] : [lines[panic], '...']
  return ['', 'Last lines of its console:', ...reason, ...lines.slice(-10)].join('\n')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
