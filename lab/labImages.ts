import { buildBase, nodeBase, pauseCommand, pauseImage } from './images/bases.ts'
import { type KernelTree, kernelTree, targetKernelPackages } from './images/kernels.ts'
import { compressed, type ImageConfig, pushImage } from './images/pushImage.ts'
import { kanikoConfig, kanikoImage, kanikoImageName } from './kaniko.ts'
import type { ProgramPaths } from './programPaths.ts'
import type { Progress } from './programs/progress.ts'

/** References of the images a lab with real nodes has in its registry. */
export interface LabImages {
  /** kaniko's executor. */
  readonly kaniko: string
  /** Holds pods' namespaces. */
  readonly pause: string
  /** gcc, make and the headers of the target kernels: to build kernel modules from. */
  readonly buildBase: string
  /** Debian with Node and kmod: base of the operator's image. */
  readonly nodeBase: string
}

/** Images and kernels for real nodes, made or found in the cache; each can be awaited alone. */
export interface Artefacts {
  readonly pause: Promise<string>
  readonly kaniko: Promise<string>
  readonly buildBase: Promise<string>
  readonly nodeBase: Promise<string>
  /** Newest first. */
  readonly kernels: Promise<readonly KernelTree[]>
}

/** Begins to make what real nodes need. Failures show when a part is awaited. */
export function prepareArtefacts(
  programs: ProgramPaths,
  options: { readonly progress: Progress; readonly signal: AbortSignal },
): Artefacts {
  const tools = {
    debootstrap: () => programs.path('debootstrap'),
    busybox: () => programs.path('busybox'),
  }
  const kernels = async () => {
    const packages = await targetKernelPackages(options)
    const depmod = await programs.path('depmod')
    return await Promise.all(packages.map((kernel) => kernelTree(kernel, depmod, options)))
  }
  const artefacts = {
    pause: pauseImage(tools, options),
    kaniko: kanikoImage(programs, options),
    buildBase: buildBase(tools, options),
    nodeBase: nodeBase(tools, options),
    kernels: kernels(),
  }
  // What fails is told to whoever awaits it, not to the process.
  for (const part of Object.values(artefacts)) part.catch(() => undefined)
  return artefacts
}

/** Pushes what the registry does not have yet. Each image can be awaited alone; failures show then. */
export function pushLabImages(
  registry: string,
  artefacts: Artefacts,
  programs: ProgramPaths,
): { readonly pause: Promise<string>; readonly all: Promise<LabImages> } {
  const push = async (tar: Promise<string>, name: string, config: ImageConfig = {}) => {
    const options = { crane: await programs.path('crane'), insecure: true, config }
    return (await pushImage(await compressed(await tar), `${registry}/${name}`, options)).reference
  }
  const pause = push(artefacts.pause, 'kmm-lab/pause:1', { entrypoint: pauseCommand })
  const all = async () => {
    const [kaniko, build, node] = await Promise.all([
      push(artefacts.kaniko, kanikoImageName, kanikoConfig),
      push(artefacts.buildBase, 'kmm-lab/build-base:1'),
      push(artefacts.nodeBase, 'kmm-lab/node-base:1'),
    ])
    return { pause: await pause, kaniko, buildBase: build, nodeBase: node }
  }
  const pushed = { pause, all: all() }
  for (const part of Object.values(pushed)) part.catch(() => undefined)
  return pushed
}
