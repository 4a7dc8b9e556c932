import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { cleanUp } from './cleanUp.ts'
import { networkPlan, readSettings, type LabSettings, settingVariables } from './config.ts'
import { type Audit, type ControlPlane, startControlPlane } from './controlPlane.ts'
import { openLedger } from './ledger.ts'
import { lockLab } from './lock.ts'
import { createBridge, type NetworkPlan } from './network.ts'
import type { BuildNode } from './node/buildNode.ts'
import { freePorts, requireFree } from './ports.ts'
import { identify } from './procfs.ts'
import type { ProgramPaths } from './programPaths.ts'
import { type Progress, silentProgress } from './programs/progress.ts'
import { buildNodeName, loadNodeFolder, loadNodeName, prepareRealNodes, startRealNodes } from './realNodes.ts'
import { type Registry, startRegistry } from './registry.ts'
import { addSimulatedNode, type SimulatedNode, startKwok } from './simulated/nodes.ts'
import { type LabState, stateFile, writeState } from './state.ts'
import { createSupervisor, type ProgramError, type Supervisor } from './supervisor.ts'
import { startDns } from './services/dns.ts'
import { startTemporal, type Temporal } from './temporal.ts'
import type { StartedVm } from './vm/start.ts'

/** A lab that is up. */
export interface Lab {
  readonly dir: string
  readonly state: LabState
  readonly supervisor: Supervisor
  readonly programs: ProgramPaths
  readonly controlPlane: ControlPlane
  readonly network: NetworkPlan
  readonly registry: Registry
  readonly temporal: Temporal
  /** The real node of this machine; null in a simulated lab. */
  readonly buildNode: BuildNode | null
  /** The virtual machine; null when it was not asked for. */
  readonly loadNode: StartedVm | null
  /** Settles with the error of the first program that ends by itself; the lab is of no use then: stop it. */
  readonly died: Promise<ProgramError>
  addSimulatedNode(node: SimulatedNode): Promise<void>
  /** Ends every program and removes what the lab has on the machine; the state in `dir` stays. */
  stop(): Promise<void>
}

/** How a lab is to be. */
export interface LabOptions {
  /** Folder of all state; used again at the next start. */
  readonly dir: string
  readonly programs: ProgramPaths
  /** `real`: this machine is the build node (root on Linux). `simulated`: KWOK nodes only, no privileges needed. */
  readonly nodes: 'real' | 'simulated'
  /** Beside the real build node, a virtual machine with a stock kernel that loads modules. */
  readonly vm?: boolean
  /** Wins over `<dir>/config.json` and the environment. */
  readonly settings?: Partial<LabSettings>
  /** Whose requests the API server's audit log holds; there is none by default. */
  readonly audit?: Audit
  readonly progress?: Progress
  /** Aborting it ends a start that is under way. */
  readonly signal?: AbortSignal
  /** Hears that images can be built in a real lab: registry and build node are up, the virtual machine may not be. */
  readonly onBuilding?: (lab: BuildingLab) => void
}

/** What is needed to build an image in a lab; the lab may be another process. */
export type BuildingLab = Pick<Lab, 'dir' | 'state' | 'programs'>

/**
 * Brings a lab up, after removing what a killed one left. Resolves when all of it is ready. Throws with nothing
 * left behind: a ProgramError when a program fails, else an error that names what is in the way and the fix.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const { programs, nodes, progress = silentProgress, signal } = options
  const dir = resolve(options.dir)
  requireMachine(nodes, options.vm ?? false)
  const settings = readSettings(dir, process.env, options.settings)
  mkdirSync(dir, { recursive: true })
  const unlock = lockLab(dir)
  const over = new AbortController()

  const { promise: died, resolve: onDeath } = Promise.withResolvers<ProgramError>()
  let supervisor: Supervisor | undefined
  let stopping: Promise<void> | undefined
  const stop = () =>
    (stopping ??= (async () => {
      over.abort()
      rmSync(stateFile(dir), { force: true })
      await supervisor?.stop()
      await cleanUp(dir)
      unlock()
    })())
  const onAbort = () => void supervisor?.stop()
  signal?.addEventListener('abort', onAbort)

  const stage = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted()
    const line = progress.start(name)
    line.say('starting')
    try {
      const result = await work()
      line.done('ready')
      return result
    } catch (error) {
      line.fail('failed')
      throw error
    }
  }

  try {
    const left = await cleanUp(dir)
    if (left.length > 0) progress.note(`removed what a former lab left: ${left.join(', ')}`)
    const supervised = createSupervisor({ dir, onDeath })
    supervisor = supervised
    const network = networkPlan(settings)
    const address = nodes === 'real' ? network.address : '127.0.0.1'
    if (nodes === 'real') await stage('network', () => createBridge(network, openLedger(dir)))
    await requirePorts(settings, address)

    const shared = { supervisor: supervised, programs }
    const parts =
      nodes === 'real'
        ? prepareRealNodes(programs, {
            vm: options.vm ?? false,
            progress,
            signal: AbortSignal.any([over.signal, ...(signal ? [signal] : [])]),
          })
        : null
    const [controlPlane, registry, temporal] = await Promise.all([
      stage('control plane', () =>
        startControlPlane({
          ...shared,
          dir: join(dir, 'kubernetes'),
          address,
          port: settings.apiPort,
          ...(nodes === 'real' ? { services: network.services } : {}),
          components: 'full',
          ...(options.audit === undefined ? {} : { audit: options.audit }),
          kubeconfig: join(dir, 'kubeconfig'),
        }),
      ),
      stage('registry', () =>
        startRegistry({ ...shared, dir: join(dir, 'registry'), address, port: settings.registryPort }),
      ),
      stage('Temporal', () =>
        startTemporal({
          ...shared,
          port: settings.temporalPort,
          uiPort: settings.uiPort,
          namespace: 'kmm',
          ...(nodes === 'real' ? { podHost: address } : {}),
          database: join(dir, 'temporal', 'temporal.db'),
        }),
      ),
    ])

    const { kubeconfig } = controlPlane
    const [kwokPort = 0] = await freePorts(1)
    const supervisorProcess = identify(process.pid)
    if (supervisorProcess === null) throw new Error('the lab needs /proc to know its own process')
    const stateWith = (images: LabState['images'], kernels: readonly string[]): LabState => ({
      supervisor: supervisorProcess,
      address,
      kubernetes: { server: controlPlane.server, kubeconfig, auditLog: controlPlane.auditLog },
      registry: registry.host,
      temporal: {
        address: temporal.address,
        podAddress: temporal.podAddress,
        namespace: temporal.namespace,
        ui: temporal.ui,
      },
      nodes: {
        build: nodes === 'real' ? buildNodeName : null,
        load: options.vm === true ? { name: loadNodeName, dir: loadNodeFolder(dir) } : null,
      },
      images,
      kernels: [...kernels],
      logs: join(dir, 'logs'),
    })
    const [real] = await Promise.all([
      parts &&
        startRealNodes({
          ...shared,
          dir,
          controlPlane,
          network,
          registry: registry.host,
          parts,
          stage,
          onBuilding: (images, kernels) =>
            options.onBuilding?.({ dir, programs, state: stateWith(images, kernels) }),
        }),
      stage('simulated nodes', () => startKwok({ ...shared, kubeconfig, port: kwokPort })),
      nodes === 'real' &&
        stage('cluster DNS', () => startDns({ ...shared, dir: join(dir, 'dns'), address, kubeconfig })),
    ])
    const { buildNode = null, loadNode = null, images = null, kernels = [] } = real ?? {}
    const state = stateWith(images, kernels)
    writeState(dir, state)
    return {
      dir,
      state,
      supervisor: supervised,
      programs,
      controlPlane,
      network,
      registry,
      temporal,
      buildNode,
      loadNode,
      died,
      addSimulatedNode: (node) => addSimulatedNode(kubeconfig, node),
      stop,
    }
  } catch (error) {
    try {
      await stop()
    } catch (left) {
      throw new AggregateError([error, left], `${String(error)}\nand then, cleaning up: ${String(left)}`)
    }
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

function requireMachine(nodes: 'real' | 'simulated', vm: boolean): void {
  if (process.platform !== 'linux') throw new Error(`the lab needs Linux, this is ${process.platform}`)
  if (nodes === 'real' && process.getuid?.() !== 0) {
    throw new Error(
      'a real build node needs root: start as root, or only the lab without real nodes: npm run lab -- up --nodes simulated',
    )
  }
  if (vm && nodes === 'simulated') throw new Error('--vm needs --nodes real')
}

async function requirePorts(settings: LabSettings, address: string): Promise<void> {
  const wanted = [
    { program: 'the API server', address, setting: 'apiPort' },
    { program: 'the registry', address, setting: 'registryPort' },
    { program: 'Temporal', address: '127.0.0.1', setting: 'temporalPort' },
    { program: 'Temporal for pods', address, setting: 'temporalPort' },
    { program: "Temporal's UI", address: '127.0.0.1', setting: 'uiPort' },
  ] as const
  for (const { program, address: at, setting } of wanted) {
    await requireFree({ program, address: at, port: settings[setting], setting: settingVariables[setting] })
  }
}
