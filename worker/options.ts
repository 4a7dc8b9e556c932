import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readAuthorities } from '../activities/registry/authorities.ts'
import { parseConfig, type OperatorConfig } from '../api/config.ts'

/** What the process is told at its start. */
export interface OperatorOptions {
  readonly config: OperatorConfig
  readonly warnings: readonly string[]
  /** Without it: KUBECONFIG, ~/.kube/config or the pod's service account. */
  readonly kubeconfig: string | undefined
  /** Namespace of the operator: Leases, configuration. */
  readonly namespace: string
  readonly workerImage: string
  /** File with the workflows, made by bundle.ts; without it they are bundled at the start. */
  readonly workflowBundle: string | undefined
}

const usage = `operator: runs kernel modules of a cluster.

  --config FILE      configuration (YAML); all defaults without it
  --kubeconfig FILE  cluster to look after; the pod's own by default

Environment: OPERATOR_NAMESPACE, RELATED_IMAGE_WORKER (image of worker pods), RELATED_IMAGE_BUILD (kaniko executor),
KMM_WORKFLOW_BUNDLE (file with the bundled workflows, as the image has it), KMM_LOG_LEVEL.`

/** Reads arguments, environment and configuration. Throws with the name of what is wrong and what would be right. */
export function readOptions(argv: readonly string[], env: NodeJS.ProcessEnv): OperatorOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: { config: { type: 'string' }, kubeconfig: { type: 'string' }, help: { type: 'boolean' } },
  })
  if (values.help) throw new UsageRequest(usage)
  const parsed = parseConfig(values.config === undefined ? '' : readFileSync(values.config, 'utf8'))
  if (!parsed.ok) throw new Error(`${values.config}: ${parsed.message}`)
  const { caFile } = parsed.config.registry
  if (caFile !== undefined) readAuthorities(caFile)
  const buildImage = env['RELATED_IMAGE_BUILD']
  const build = buildImage === undefined || buildImage === '' ? {} : { image: buildImage }
  return {
    config: { ...parsed.config, build: { ...parsed.config.build, ...build } },
    warnings: parsed.warnings,
    kubeconfig: values.kubeconfig,
    namespace: required(env, 'OPERATOR_NAMESPACE', 'the namespace the operator runs in'),
    workerImage: required(env, 'RELATED_IMAGE_WORKER', 'the image of worker pods, the operator image itself'),
    workflowBundle: env['KMM_WORKFLOW_BUNDLE'] || undefined,
  }
}

/** Not an error: somebody asked for the usage. */
export class UsageRequest extends Error {}

function required(env: NodeJS.ProcessEnv, name: string, meaning: string): string {
  const value = env[name]
  if (value === undefined || value === '')
    throw new Error(`environment variable ${name} is not set: ${meaning}`)
  return value
}
