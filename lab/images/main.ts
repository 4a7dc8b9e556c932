import { parseArgs } from 'node:util'
import { ensurePrograms } from '../programs/ensure.ts'
import { createProgress, type Progress } from '../programs/progress.ts'
import { buildBase, nodeBase, pauseImage } from './bases.ts'
import { kernelTree, targetKernelPackages } from './kernels.ts'

/** `node lab/images/main.ts [--fresh]`: makes all base images and kernel trees and prints where they are. */
const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { fresh: { type: 'boolean', default: false } } })
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort())
  process.once('SIGTERM', () => interrupt.abort())
  const progress = createProgress()
  try {
    await make(values.fresh, progress, interrupt.signal)
    return 0
  } catch (error) {
    if (interrupt.signal.aborted) return 130
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    progress.close()
  }
}

const make = async (fresh: boolean, progress: Progress, signal: AbortSignal): Promise<void> => {
  const options = { progress, signal }
  const programs = ensurePrograms(['debootstrap', 'busybox', 'depmod'], options)
  const tools = {
    debootstrap: () => programs.path('debootstrap'),
    busybox: () => programs.path('busybox'),
  }
  const kernels = await targetKernelPackages({ ...options, fresh })
  const depmod = await programs.path('depmod')
  const [build, node, pause, ...trees] = await Promise.all([
    buildBase(tools, options),
    nodeBase(tools, options),
    pauseImage(tools, options),
    ...kernels.map((kernel) => kernelTree(kernel, depmod, options)),
  ])
  for (const [name, path] of Object.entries({ 'build-base': build, 'node-base': node, pause }))
    process.stdout.write(`${name}\t${path}\n`)
  for (const tree of trees) process.stdout.write(`${tree.release}\t${tree.vmlinuz}\t${tree.modules}\n`)
}

process.exitCode = await main()
