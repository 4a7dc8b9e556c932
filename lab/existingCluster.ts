import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { stringify } from 'yaml'
import { installChart } from './installOperator.ts'
import { operatorNamespace } from './operatorAccount.ts'
import { freePorts } from './ports.ts'
import { httpProbe } from './probes.ts'
import { ensurePrograms } from './programs/ensure.ts'
import type { Progress } from './programs/progress.ts'
import { createSupervisor, type ProgramError } from './supervisor.ts'

/** Service of the Web UI that comes with the chart's own Temporal. */
const uiService = 'kmm-operator-temporal-ui'

/** Which cluster, and what is installed in it. */
export interface ClusterInstallation {
  /** Folder for the values and logs. */
  readonly dir: string
  readonly kubeconfig: string
  /** The operator's image. */
  readonly image: string | undefined
  /** File with more values of the chart; they have precedence. */
  readonly valuesFile: string | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly interrupted: { readonly promise: Promise<null> }
}

/**
 * `npm start -- --kubeconfig FILE --image IMAGE`: installs deploy/chart in a cluster that is there already, with the
 * chart's own Temporal unless the values say otherwise, and forwards its Web UI until it is interrupted. The operator
 * stays in the cluster. Gives the exit status; throws what is missing, with the fix.
 */
export async function installInCluster(installation: ClusterInstallation): Promise<number> {
  const { dir, kubeconfig, image, valuesFile, progress, signal, interrupted } = installation
  if (image === undefined) {
    throw new Error(
      '--image is missing: build deploy/Dockerfile, push it, and give the name that it has there',
    )
  }
  const programs = ensurePrograms(['helm', 'kubectl'], { progress, signal })
  mkdirSync(dir, { recursive: true })
  const values = join(dir, 'cluster-values.yaml')
  writeFileSync(values, stringify({ controller: { image }, temporal: { embedded: { enabled: true } } }))
  const line = progress.start('operator')
  line.say('installing the chart')
  const files = valuesFile === undefined ? [values] : [values, valuesFile]
  await installChart({ kubeconfig, programs, signal }, files)
  line.done('ready')
  progress.note(`The operator runs in namespace ${operatorNamespace}; docs/uninstall.md removes it.`)
  if (!(await hasUi(kubeconfig))) return 0

  const died = Promise.withResolvers<ProgramError>()
  const supervisor = createSupervisor({ dir, onDeath: died.resolve })
  try {
    const ui = await forwardUi(kubeconfig, await programs.path('kubectl'), supervisor)
    progress.note(`Temporal UI  ${ui}\nIt is forwarded until Ctrl-C.`)
    const death = await Promise.race([died.promise, interrupted.promise])
    if (death !== null) progress.note(death.message)
    return death === null ? 0 : 1
  } finally {
    await supervisor.stop()
  }
}

/** Whether the installed Temporal is the chart's own, with its Web UI. */
async function hasUi(kubeconfig: string): Promise<boolean> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const { items } = await config.makeApiClient(CoreV1Api).listNamespacedService({
    namespace: operatorNamespace,
    fieldSelector: `metadata.name=${uiService}`,
  })
  return items.length > 0
}

async function forwardUi(
  kubeconfig: string,
  kubectl: string,
  supervisor: ReturnType<typeof createSupervisor>,
): Promise<string> {
  const [port = 0] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  await supervisor.start({
    name: 'temporal-ui-forward',
    command: [
      kubectl,
      `--kubeconfig=${kubeconfig}`,
      `--namespace=${operatorNamespace}`,
      'port-forward',
      `service/${uiService}`,
      `${port}:8080`,
    ],
    ready: { probe: httpProbe(url), timeoutMs: 60_000 },
    fix: 'start it again, or forward the port yourself: docs/temporal.md',
  })
  return url
}
