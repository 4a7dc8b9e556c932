import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { stringify } from 'yaml'
import { applyObjects } from './applyManifests.ts'
import { maxParallelBuilds, type OperatorSettings } from './operator.ts'
import { operatorNamespace } from './operatorAccount.ts'
import { CommandFailed, runOrThrow } from './programs/exec.ts'
import type { ProgramPaths } from './programPaths.ts'
import { buildNodeLabels } from './realNodes.ts'
import type { LabState } from './state.ts'

const chart = join(import.meta.dirname, '..', 'deploy', 'chart')
/** Name of the Helm release. */
const releaseName = 'kmm-temporal'

/** What is installed, beside the lab's own addresses. */
export interface Installation {
  /** The operator's image, in a registry that the nodes reach. */
  readonly image: string
  readonly replicas: number
  /** The operator's configuration; in `build` the lab's executor stays unless it is named. */
  readonly settings?: OperatorSettings
  /** More values of the chart. */
  readonly values?: Readonly<Record<string, unknown>>
}

/** A lab, and the programs that install something in it. */
export interface InstallTarget {
  readonly state: Pick<LabState, 'kubernetes' | 'temporal' | 'images'>
  readonly programs: ProgramPaths
  /** Folder for the values. */
  readonly dir: string
  readonly signal?: AbortSignal
}

/** A cluster, and the programs that install something in it. */
export interface ChartTarget {
  readonly kubeconfig: string
  readonly programs: ProgramPaths
  readonly signal?: AbortSignal
}

/**
 * Installs the operator in a lab with real nodes as users do, with Helm from deploy/chart, or upgrades it. The namespace
 * enforces the restricted level of Pod Security. Resolves when its pods are Ready; throws with what the pods report.
 */
export async function installOperator(target: InstallTarget, installation: Installation): Promise<void> {
  const { state, dir } = target
  mkdirSync(dir, { recursive: true })
  const values = join(dir, 'operator-values.yaml')
  writeFileSync(values, stringify(chartValues(state, installation)))
  await installChart(chartTarget(target), [values])
}

/**
 * Installs deploy/chart in any cluster, or upgrades it, with these files of values, in a namespace that enforces the
 * restricted level of Pod Security. Resolves when all pods are Ready; throws with what the pods report.
 */
export async function installChart(target: ChartTarget, valuesFiles: readonly string[]): Promise<void> {
  const { kubeconfig, signal } = target
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  const metadata = { name: operatorNamespace, labels }
  await applyObjects(kubeconfig, [{ apiVersion: 'v1', kind: 'Namespace', metadata }])
  await forgetInterrupted(kubeconfig)
  try {
    await helm(
      target,
      'upgrade',
      '--install',
      releaseName,
      chart,
      ...valuesFiles.map((file) => `--values=${file}`),
      // Definitions and policies may be there already: tests that run the operator as a process apply them by themselves.
      '--take-ownership',
      '--wait',
      '--timeout=3m',
    )
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof CommandFailed)) throw error
    const reports = await operatorReports(kubeconfig)
    throw new Error(`${error.message}\n${reports}`, { cause: error })
  }
}

function chartTarget({ state, programs, signal }: InstallTarget): ChartTarget {
  const { kubeconfig } = state.kubernetes
  return { kubeconfig, programs, ...(signal === undefined ? {} : { signal }) }
}

/**
 * Helm refuses to work on a release whose last operation was killed: its record is `pending` for ever. What that
 * operation has applied belongs to the release all the same.
 */
async function forgetInterrupted(kubeconfig: string): Promise<void> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  await config.makeApiClient(CoreV1Api).deleteCollectionNamespacedSecret({
    namespace: operatorNamespace,
    labelSelector: `owner=helm,name=${releaseName},status in (pending-install,pending-upgrade,pending-rollback)`,
  })
}

/** Removes what Helm installed, and waits until it is gone. The CustomResourceDefinitions and all Modules stay. */
export async function uninstallOperator(target: InstallTarget): Promise<void> {
  await helm(chartTarget(target), 'uninstall', releaseName, '--ignore-not-found', '--wait', '--timeout=2m')
}

async function helm(
  { kubeconfig, programs, signal }: ChartTarget,
  ...args: readonly string[]
): Promise<void> {
  const flags = [`--kubeconfig=${kubeconfig}`, `--namespace=${operatorNamespace}`]
  await runOrThrow([await programs.path('helm'), ...args, ...flags], signal === undefined ? {} : { signal })
}

/** Values of the chart for a lab: its Temporal has no TLS, and only its build node has the power to run the operator. */
function chartValues({ temporal, images }: InstallTarget['state'], installation: Installation): object {
  const { image, replicas, settings = {}, values = {} } = installation
  const { podAddress, namespace } = temporal
  if (podAddress === null) throw new Error('pods do not reach the Temporal of a simulated lab')
  const { build, ...config } = settings
  return {
    controller: {
      image,
      replicas,
      nodeSelector: { ...buildNodeLabels },
      ...(images === null ? {} : { buildImage: images.kaniko }),
    },
    temporal: { address: podAddress, namespace, tls: { enabled: false } },
    config: { build: { maxParallel: maxParallelBuilds, ...build }, ...config },
    ...values,
  }
}

/** What the operator's pods are in and the end of their logs, for people who look for the cause of a failure. */
async function operatorReports(kubeconfig: string): Promise<string> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const namespace = operatorNamespace
  const { items } = await core.listNamespacedPod({ namespace })
  const reports = items.map(async ({ metadata, status }) => {
    const name = metadata?.name ?? ''
    const log = await core
      .readNamespacedPodLog({ namespace, name, tailLines: 30 })
      .catch((error: unknown) => `no log: ${String(error)}`)
    const waiting = status?.containerStatuses?.map(
      ({ state }) => state?.waiting?.message ?? state?.waiting?.reason,
    )
    return [`== pod ${name}: ${status?.phase} ${waiting?.join(' ') ?? ''}`, log].join('\n')
  })
  return (await Promise.all(reports)).join('\n')
}
