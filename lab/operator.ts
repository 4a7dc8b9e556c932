import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { applyManifests } from './applyManifests.ts'
import { operatorKubeconfig, operatorNamespace } from './operatorAccount.ts'
import { freePorts } from './ports.ts'
import { httpProbe } from './probes.ts'
import { cacheRoot } from './programs/cache.ts'
import type { ManagedProcess, Supervisor } from './supervisor.ts'
import { workflowBundle } from './workflowBundle.ts'

const root = join(import.meta.dirname, '..')

const crds = join(root, 'deploy/chart/files/crds')

/** Definitions and admission policies of deploy/, in the order in which they are applied. */
export function definitionFiles(): string[] {
  return [...readdirSync(crds).map((name) => join(crds, name)), join(root, 'deploy/kustomize/policies.yaml')]
}

/** Many stories are told at once in a lab, and some hold a build back: none shall wait for another's. */
export const maxParallelBuilds = 100

/** Keys of the operator's configuration file. */
export interface OperatorSettings {
  readonly build?: object
  readonly [key: string]: unknown
}

export interface OperatorOptions {
  readonly dir: string
  readonly supervisor: Supervisor
  readonly kubeconfig: string
  readonly temporal: { readonly address: string; readonly namespace: string }
  /** The operator's image, for worker pods. */
  readonly image: string
  /** kaniko's executor, when it is not the default one. */
  readonly executor?: string
  /** More of its configuration; in `build` the executor stays unless it is named. */
  readonly settings?: OperatorSettings
}

/**
 * Makes the cluster know our resources and starts the operator as a process of this machine, as a supervised
 * program, with the ServiceAccount and the roles that it has where it is installed. `kubeconfig` is an admin's. Throws a
 * ProgramError, or what the API server answers.
 */
export async function startOperator(options: OperatorOptions): Promise<ManagedProcess> {
  const { dir, supervisor, kubeconfig, image, executor } = options
  const { address, namespace: temporalNamespace } = options.temporal
  await applyManifests(kubeconfig, definitionFiles())
  const ownKubeconfig = await operatorKubeconfig(kubeconfig, dir)
  const [healthPort = 0] = await freePorts(1)
  const health = `127.0.0.1:${healthPort}`
  const config = join(dir, 'operator.yaml')
  const { build, ...settings } = options.settings ?? {}
  writeFileSync(
    config,
    stringify({
      // The lab's Temporal has no TLS, and is not always on loopback.
      temporal: { address, namespace: temporalNamespace, tls: { enabled: false } },
      healthProbeBindAddress: health,
      metrics: { bindAddress: '0' },
      // The registries of a simulated lab.
      registry: { allowedHosts: ['127.0.0.1'] },
      build: {
        maxParallel: maxParallelBuilds,
        ...(executor === undefined ? {} : { image: executor }),
        ...build,
      },
      ...settings,
    }),
  )
  const main = join(root, 'worker', 'main.ts')
  return await supervisor.start({
    name: 'operator',
    command: [process.execPath, main, '--config', config, '--kubeconfig', ownKubeconfig],
    env: {
      OPERATOR_NAMESPACE: operatorNamespace,
      RELATED_IMAGE_WORKER: image,
      KMM_WORKFLOW_BUNDLE: await workflowBundle(),
      // Half of what a start takes is compiling the same code.
      NODE_COMPILE_CACHE: join(cacheRoot(), 'compiled'),
    },
    ready: { probe: httpProbe(`http://${health}/readyz`), timeoutMs: 90_000 },
    fix: 'the last lines say what it waits for; npm start resumes where it was',
  })
}
