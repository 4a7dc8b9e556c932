import { parseDocument } from 'yaml'
import { z } from 'zod'
import { tlsOf } from './config/tls.ts'
import { DurationError, parseDuration } from './duration.ts'

/** A Go duration of at least zero, read as milliseconds. */
const duration = z.string().transform((text, context) => {
  try {
    const milliseconds = parseDuration(text)
    if (milliseconds >= 0) return milliseconds
    context.addIssue(`"${text}" is negative`)
  } catch (error) {
    if (!(error instanceof DurationError)) throw error
    context.addIssue(error.message)
  }
  return z.NEVER
})

const resources = z.record(z.string(), z.string())

const temporal = z
  .strictObject({
    /** host:port of the Temporal service. */
    address: z.string().min(1).default('localhost:7233'),
    namespace: z.string().min(1).default('default'),
    /** Part of every workflow id; absent: the first 8 digits of the uid of namespace kube-system. */
    clusterName: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and "-", at most 63')
      .optional(),
    /** Paths of PEM files in the operator's container. */
    tls: z
      .strictObject({
        /** Absent: unless the address is on loopback. */
        enabled: z.boolean().optional(),
        serverName: z.string().min(1).optional(),
        caFile: z.string().min(1).optional(),
        certFile: z.string().min(1).optional(),
        keyFile: z.string().min(1).optional(),
      })
      .refine((tls) => (tls.certFile === undefined) === (tls.keyFile === undefined), {
        message: 'give certFile and keyFile together',
      })
      .prefault({}),
    /** A file with an API key. */
    apiKeyFile: z.string().min(1).optional(),
    /** Creates the namespace when it does not exist. */
    createNamespace: z.boolean().default(false),
  })
  .transform((given) => ({ ...given, tls: tlsOf(given.address, given.tls) }))

const build = z.strictObject({
  /** The build executor. */
  image: z.string().min(1).default('gcr.io/kaniko-project/executor:v1.24.0'),
  /** A Secret in the Module's namespace with which nodes pull the executor. */
  pullSecret: z.string().min(1).optional(),
  /** More environment variables of the executor, such as a proxy. */
  env: z.array(z.strictObject({ name: z.string().min(1), value: z.string() })).default([]),
  resources: z.strictObject({ requests: resources.optional(), limits: resources.optional() }).optional(),
  /** Seconds after which a build pod is stopped; absent: never. */
  deadlineSeconds: z.int().min(1).optional(),
  /** Builds that run at once in the cluster. */
  maxParallel: z.int().min(1).default(10),
  pushRetry: z.int().min(0).default(3),
  downloadRetry: z.int().min(0).default(3),
  /** Where builds run whose Module says nothing. */
  nodeSelector: z.record(z.string(), z.string()).optional(),
})

const registry = z.strictObject({
  /**
   * A PEM bundle in the operator's container: authorities of registries beside the usual ones. It is read at each
   * check, so that a renewed one counts at once.
   */
  caFile: z.string().startsWith('/', 'must be an absolute path').optional(),
  /** Where a registry refuses the operator or cannot be reached, a target node is asked to pull the image. */
  nodePullCheck: z.boolean().default(false),
})

const worker = z.strictObject({
  runAsUser: z.int().min(0).nullable().default(0),
  seLinuxType: z.string().default('spc_t'),
  /** Firmware directory of the nodes; null: none, and Modules with firmware are refused. */
  firmwareHostPath: z
    .string()
    .startsWith('/', 'must be an absolute path')
    .nullable()
    .default('/lib/firmware'),
})

/** The operator's configuration: KMM's keys (images:CFG, nodes:CFG), `temporal` and `build`. Unknown keys are errors. */
const configSchema = z.strictObject({
  temporal: temporal.prefault({}),
  build: build.prefault({}),
  /** How the operator asks registries for images. */
  registry: registry.prefault({}),
  /** How long pods of successful builds are kept; milliseconds once read. */
  job: z.strictObject({ gcDelay: duration.prefault('0s') }).prefault({}),
  worker: worker.prefault({}),
  leaderElection: z
    .strictObject({
      enabled: z.boolean().default(true),
      resourceID: z.string().min(1).default('kmm.sigs.x-k8s.io'),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      /** "0": no metrics. */
      bindAddress: z.string().min(1).default('0.0.0.0:8443'),
      enableAuthnAuthz: z.boolean().default(true),
      secureServing: z.boolean().default(true),
    })
    .prefault({}),
  healthProbeBindAddress: z.string().min(1).default(':8081'),
  /** Node actions in flight at once, per kernel run. */
  maxParallel: z.int().min(1).max(2000).default(200),
})
export type OperatorConfig = z.infer<typeof configSchema>

/** A configuration, with warnings about keys that have no effect; or what is wrong, one line per key. */
export type ParsedConfig =
  | { readonly ok: true; readonly config: OperatorConfig; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly message: string }

/**
 * Reads the text under `controller_config.yaml`. Values given stand over the defaults, an empty text is all defaults.
 * One bad key refuses the whole text (nodes:CFG-3), and the message names it; the caller keeps its last good one.
 */
export function parseConfig(yamlText: string): ParsedConfig {
  const document = parseDocument(yamlText)
  const [syntaxError] = document.errors
  if (syntaxError !== undefined) return { ok: false, message: `not valid YAML: ${syntaxError.message}` }
  const { value, warnings } = acceptKmmKeys(document.toJS() ?? {})
  const parsed = configSchema.safeParse(value)
  if (parsed.success) return { ok: true, config: parsed.data, warnings }
  return { ok: false, message: parsed.error.issues.map(describeIssue).join('\n') }
}

/** Keys of KMM that mean nothing here, or by a name its documentation only has (nodes:CFG-5 Better). */
function acceptKmmKeys(value: unknown): { value: unknown; warnings: string[] } {
  const warnings: string[] = []
  if (!isMap(value)) return { value, warnings }
  const { webhookPort, ...rest } = value
  if (webhookPort !== undefined) {
    warnings.push('webhookPort has no effect: the API server itself checks Modules, there is no webhook')
  }
  const { worker } = rest
  if (!isMap(worker) || !('setFirmwareClassPath' in worker)) return { value: rest, warnings }
  const { setFirmwareClassPath, ...others } = worker
  warnings.push('worker.setFirmwareClassPath is called worker.firmwareHostPath')
  return { value: { ...rest, worker: { firmwareHostPath: setFirmwareClassPath, ...others } }, warnings }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const at = (path: readonly PropertyKey[]) => path.map(String).join('.') || 'the configuration'
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${at([...issue.path, key])}: unknown key`).join('\n')
  }
  return `${at(issue.path)}: ${issue.message}`
}
