import { parseArgs } from 'node:util'
import type { OperatorConfig } from '../api/config.ts'

/** What the process is given at its start, and keeps. */
export interface ProcessOptions {
  /** The configuration file; all defaults and the environment without it. */
  readonly configFile: string | undefined
  /** Without it: KUBECONFIG, ~/.kube/config or the pod's service account. */
  readonly kubeconfig: string | undefined
  /** Namespace of the operator: Leases, configuration. */
  readonly namespace: string
  /** Name of the operator's Deployment; absent outside a cluster. */
  readonly deployment: string | undefined
  readonly workerImage: string
  /** File with the workflows, made by bundle.ts; without it they are bundled at the start. */
  readonly workflowBundle: string | undefined
}

/** What the operator runs with until its configuration changes. */
export interface OperatorOptions extends ProcessOptions {
  readonly config: OperatorConfig
}

const usage = `operator: runs kernel modules of a cluster.

  --config FILE      configuration (YAML)
  --kubeconfig FILE  cluster to look after; the pod's own by default

Environment: OPERATOR_NAMESPACE, OPERATOR_DEPLOYMENT (name of its Deployment), RELATED_IMAGE_WORKER (image of worker
pods), KMM_WORKFLOW_BUNDLE (file with the bundled workflows, as the image has it), KMM_LOG_LEVEL; and for what the
configuration leaves out RELATED_IMAGE_BUILD (build executor), KMM_CLUSTER_NAME and TEMPORAL_ADDRESS, _NAMESPACE, _TLS,
_TLS_SERVER_NAME, _TLS_SERVER_CA_CERT_PATH, _TLS_CLIENT_CERT_PATH, _TLS_CLIENT_KEY_PATH, _API_KEY_FILE,
_CREATE_NAMESPACE.`

/** Reads arguments and environment. Throws with the name of what is wrong and what would be right. */
export function readOptions(argv: readonly string[], env: NodeJS.ProcessEnv): ProcessOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: { config: { type: 'string' }, kubeconfig: { type: 'string' }, help: { type: 'boolean' } },
  })
  if (values.help) throw new UsageRequest(usage)
  return {
    configFile: values.config,
    kubeconfig: values.kubeconfig,
    namespace: required(env, 'OPERATOR_NAMESPACE', 'the namespace the operator runs in'),
    deployment: env['OPERATOR_DEPLOYMENT'] || undefined,
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
