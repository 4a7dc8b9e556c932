import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { operatorName } from '../api/permissions.ts'
import { applyExample, exampleModule, writeExample } from './example.ts'
import { startLab, type Lab } from './lab.ts'
import { installOperator } from './installOperator.ts'
import { labPrograms } from './labPrograms.ts'
import { operatorNamespace } from './operatorAccount.ts'
import { operatorImage } from './operatorImage.ts'
import { installInCluster } from './existingCluster.ts'
import { ensurePrograms } from './programs/ensure.ts'
import { prepull } from './prepull.ts'
import { createProgress, elapsed, type Progress } from './programs/progress.ts'
import { removeState } from './removeState.ts'
import { showStory, type Ending } from './story.ts'

const usage = `npm start [-- OPTIONS]: a whole cluster on this machine, the operator, and an example Module built and loaded.

  --fresh            begin anew: forget the cluster, the registry and Temporal's history
  --kubeconfig FILE  use this cluster instead: installs the operator in it from --image, with the small Temporal of
                     the chart
  --image IMAGE      with --kubeconfig: an image of this project that the cluster's nodes can pull
  --values FILE      with --kubeconfig: more values of deploy/chart, for instance of a Temporal that you have
  --dir FOLDER       where all state is, .lab by default
`

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: join(import.meta.dirname, '..', '.lab') },
    fresh: { type: 'boolean', default: false },
    kubeconfig: { type: 'string' },
    image: { type: 'string' },
    values: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const interrupt = new AbortController()
const interrupted = Promise.withResolvers<null>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupt.abort(new Error('interrupted'))
    interrupted.resolve(null)
  })
}

try {
  process.exitCode = values.help ? help() : await main(createProgress(process.stdout))
} catch (error) {
  if (interrupt.signal.aborted) {
    process.stderr.write('interrupted; nothing is left running\n')
    process.exitCode = 130
  } else {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

function help(): number {
  process.stdout.write(usage)
  return 0
}

async function main(progress: Progress): Promise<number> {
  const since = performance.now()
  const dir = resolve(values.dir)
  const { signal } = interrupt
  try {
    if (values.fresh) await removeState(dir)
    const { kubeconfig, image: given, values: valuesFile } = values
    if (kubeconfig !== undefined) {
      return await installInCluster({
        dir,
        kubeconfig,
        image: given,
        valuesFile,
        progress,
        signal,
        interrupted,
      })
    }
    const programs = ensurePrograms(labPrograms({ nodes: 'real', vm: true }), { progress, signal })
    const image = Promise.withResolvers<string>()
    // What fails is told to whoever awaits it, not to the process.
    image.promise.catch(() => undefined)
    const lab = await startLab({
      dir,
      programs,
      nodes: 'real',
      vm: true,
      progress,
      signal,
      onBuilding: (building) => image.resolve(operatorImage(building, { progress, signal })),
    })
    try {
      const ending = await tellStory(lab, image.promise, progress)
      progress.note(result(lab, ending, performance.now() - since))
      const death = await Promise.race([lab.died, interrupted.promise])
      if (death !== null) progress.note(death.message)
      return death === null ? 0 : 1
    } finally {
      progress.note('stopping; everything is kept for the next npm start')
      await lab.stop()
    }
  } finally {
    progress.close()
  }
}

/** From the operator, once its image is made, to the module in the kernel. */
async function tellStory(lab: Lab, operator: Promise<string>, progress: Progress): Promise<Ending> {
  const { state, dir } = lab
  const { kubeconfig } = state.kubernetes
  const image = await operator
  const pulled = progress.start('operator image on the load node')
  pulled.say('pulling')
  prepull(state, image, interrupt.signal).then(
    () => pulled.done('there'),
    (error: unknown) => pulled.fail(String(error)),
  )
  const line = progress.start('operator')
  line.say('installing the chart')
  const { programs } = lab
  const { signal } = interrupt
  await installOperator({ state, programs, dir, signal }, { image, replicas: 1 })
  line.done('ready')
  const example = writeExample(dir, state.registry)
  await applyExample(kubeconfig, example.module)
  progress.note(`applied ${example.module}`)
  return await Promise.race([showStory(kubeconfig, exampleModule, progress, interrupt.signal), dies(lab)])
}

async function dies(lab: Lab): Promise<never> {
  throw await lab.died
}

/** What a user sees at the end: what is there now, and three things to try. */
function result(lab: Lab, { kernel, loaded }: Ending, took: number): string {
  const { state, dir } = lab
  const { namespace, name } = exampleModule
  const { ui, namespace: temporalNamespace } = state.temporal
  const run = `${ui}/namespaces/${temporalNamespace}/workflows/${encodeURIComponent(kernel.workflowId ?? '')}`
  const broken = join(dir, 'broken-dockerfile.yaml')
  const happened =
    kernel.phase === 'Loaded'
      ? loaded.map(({ node, message }) => `  node ${node}: ${message}`)
      : [`  ${kernel.phase}: ${kernel.reason}: ${kernel.message}`, `  ${kernel.errorLines ?? ''}`]
  const failed = { id: (kernel.workflowId ?? '').replace(`:${name}:`, `:${name}-broken:`) }
  return [
    '',
    `${kernel.phase} after ${elapsed(took)}`,
    `  image  ${kernel.image}`,
    `  digest ${kernel.digest ?? 'none'}`,
    ...happened,
    '',
    `kubeconfig   export KUBECONFIG=${state.kubernetes.kubeconfig}`,
    `Temporal UI  ${run}`,
    '',
    'Try next:',
    `  look    kubectl -n ${namespace} describe module ${name}`,
    `  log     kubectl -n ${operatorNamespace} logs deployment/${operatorName}`,
    `  break   kubectl apply -f ${broken}`,
    `  retry   temporal workflow signal --address ${state.temporal.address} --namespace ${temporalNamespace} \\`,
    `            --workflow-id '${failed.id}' --name retryBuild`,
    '',
    'It stays up until Ctrl-C.',
  ].join('\n')
}
