import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ControlPlane } from './controlPlane.ts'
import { compressed } from './images/pushImage.ts'
import { type Artefacts, type LabImages, prepareArtefacts, pushLabImages } from './labImages.ts'
import type { NetworkPlan } from './network.ts'
import { type BuildNode, startBuildNode } from './node/buildNode.ts'
import { cachedOperatorImage } from './operatorImageCache.ts'
import type { ProgramPaths } from './programPaths.ts'
import type { Progress } from './programs/progress.ts'
import type { Supervisor } from './supervisor.ts'
import type { PreloadedImage } from './vm/preload.ts'
import { prepareVm, type VmArtefacts } from './vm/prepare.ts'
import { type StartedVm, startVm } from './vm/start.ts'

/** Name and labels of the node that builds: this machine. */
export const buildNodeName = 'build-1'
export const buildNodeLabels = { 'kmm-temporal.lab/role': 'build' } as const

/** Name and labels of the node that loads modules into a kernel of its own: a virtual machine. */
export const loadNodeName = 'load-1'
export const loadNodeLabels = { 'kmm-temporal.lab/role': 'load' } as const

/** Folder of the load node's virtual machine in a lab's folder. */
export const loadNodeFolder = (dir: string): string => join(dir, 'load-node')

/** The real nodes of a lab and what they run. */
export interface RealNodes {
  readonly buildNode: BuildNode
  readonly loadNode: StartedVm | null
  readonly images: LabImages
  /** Releases of the target kernels, newest first. */
  readonly kernels: readonly string[]
}

/** What real nodes need, being made or found in the cache while the control plane starts. */
export interface RealNodeParts extends Artefacts {
  readonly vm: Promise<VmArtefacts> | null
}

/** Begins to make images and kernels, and the virtual machine's disk when `vm`. Failures show when awaited. */
export function prepareRealNodes(
  programs: ProgramPaths,
  options: { readonly vm: boolean; readonly progress: Progress; readonly signal: AbortSignal },
): RealNodeParts {
  const artefacts = prepareArtefacts(programs, options)
  const vm = options.vm ? prepareVm(programs, preloaded(artefacts), options) : null
  vm?.catch(() => undefined)
  return { ...artefacts, vm }
}

/**
 * What the virtual machine has before it starts: the pause image, and the operator's, or its base when that is not in
 * the cache yet.
 */
async function preloaded({ nodeBase, pause }: Artefacts): Promise<readonly PreloadedImage[]> {
  const base = await compressed(await nodeBase)
  const operator = await cachedOperatorImage(base)
  return [
    { kind: 'layer', name: 'pause', tar: await pause },
    operator === undefined
      ? { kind: 'layer', name: 'node-base', tar: base }
      : { kind: 'image', name: 'operator', tar: operator },
  ]
}

/**
 * Starts the build node and, if its parts were prepared, the load node, and fills the registry with their images.
 * `stage` reports each. Throws a ProgramError.
 */
export async function startRealNodes(options: {
  readonly dir: string
  readonly supervisor: Supervisor
  readonly programs: ProgramPaths
  readonly controlPlane: ControlPlane
  readonly network: NetworkPlan
  readonly registry: string
  readonly parts: RealNodeParts
  readonly stage: <T>(name: string, work: () => Promise<T>) => Promise<T>
  /** Hears that images can be built; the load node comes later. */
  readonly onBuilding: (images: LabImages, kernels: readonly string[]) => void
}): Promise<RealNodes> {
  const { dir, supervisor, programs, controlPlane, network, registry, parts, stage } = options
  const pushed = pushLabImages(registry, parts, programs)
  const buildNode = async () =>
    await startBuildNode({
      dir: join(dir, 'build-node'),
      name: buildNodeName,
      supervisor,
      programs,
      controlPlane,
      network,
      registry,
      pauseImage: await pushed.pause,
      moduleTrees: (await parts.kernels).map(({ modules }) => modules),
      labels: buildNodeLabels,
    })
  const loadNode = async (artefacts: Promise<VmArtefacts>) =>
    await startVm({
      dir: loadNodeFolder(dir),
      supervisor,
      artefacts: await artefacts,
      kubeconfig: controlPlane.kubeconfig,
      network,
      node: {
        name: loadNodeName,
        address: network.loadNodeAddress,
        kubeletPort: 10_250,
        dns: network.address,
        podNetwork: network.loadPodNetwork,
        labels: loadNodeLabels,
        pauseImage: await pushed.pause,
        kubeconfig: await controlPlane.nodeKubeconfig(loadNodeName),
        authority: readFileSync(controlPlane.caFile, 'utf8'),
        registries: new Map([[registry, {}]]),
      },
    })
  const { vm } = parts
  const building = async () => {
    const [images, build, trees] = await Promise.all([
      stage('images', () => pushed.all),
      stage('build node', buildNode),
      parts.kernels,
    ])
    const kernels = trees.map(({ release }) => release)
    options.onBuilding(images, kernels)
    return { images, buildNode: build, kernels }
  }
  const [built, load] = await Promise.all([building(), vm && stage('load node', () => loadNode(vm))])
  return { ...built, loadNode: load }
}
