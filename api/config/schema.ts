import { z } from 'zod'
import {
  about,
  count,
  duration,
  flag,
  listenAddress,
  path,
  quantity,
  resources,
  secretName,
  temporalAddress,
  text,
  textMap,
} from './fields.ts'
import { isLoopback, tlsOf } from './tls.ts'

const tls = z.strictObject({
  enabled: flag()
    .optional()
    .meta(
      about('TLS to Temporal. A service without TLS elsewhere than on loopback needs `false`.', {
        defaultText: '`true`, unless `temporal.address` is on loopback and no other key of `tls` is set',
      }),
    ),
  serverName: text()
    .optional()
    .meta(about('Name in the server’s certificate, where it is not the host of the address.')),
  caFile: path()
    .optional()
    .meta(
      about(
        'PEM file of the authorities that sign the server’s certificate. Without it: those of the system.',
      ),
    ),
  certFile: path().optional().meta(about('PEM file of the client certificate. Needs `keyFile`.')),
  keyFile: path().optional().meta(about('PEM file of the private key of the client certificate.')),
})

const temporal = z
  .strictObject({
    address: temporalAddress.default('localhost:7233').meta(about('HOST:PORT of the Temporal frontend.')),
    namespace: text().default('default').meta(about('Temporal namespace.')),
    clusterName: z
      .string('must be text')
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and "-", at most 63')
      .optional()
      .meta(
        about(
          'Part of every workflow id and task queue. A change leaves the open runs of the former name behind.',
          {
            defaultText: 'first 8 digits of the uid of namespace kube-system',
          },
        ),
      ),
    tls: tls
      .prefault({})
      .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
        message: 'certFile and keyFile must be given together',
      }),
    apiKeyFile: path().optional().meta(about('File with an API key, such as Temporal Cloud’s. Needs TLS.')),
    createNamespace: flag()
      .default(false)
      .meta(about('Creates the Temporal namespace when it does not exist.')),
  })
  .transform((given) => ({ ...given, tls: tlsOf(given.address, given.tls) }))
  .refine(
    ({ address, apiKeyFile, tls: { enabled } }) => apiKeyFile === undefined || enabled || isLoopback(address),
    {
      path: ['apiKeyFile'],
      message: 'needs temporal.tls.enabled: an API key must not be sent in clear text',
    },
  )

const build = z.strictObject({
  image: text()
    .default('gcr.io/kaniko-project/executor:v1.24.0')
    .meta(about('Image of the build executor, kaniko.')),
  pullSecret: secretName()
    .optional()
    .meta(about('Secret in the Module’s namespace with which nodes pull the executor.')),
  env: z
    .array(
      z.strictObject({ name: text(), value: z.string('must be text') }),
      'must be a list of name and value',
    )
    .default([])
    .meta(
      about('More environment variables of the executor, such as a proxy: a list of `name` and `value`.'),
    ),
  resources: z
    .strictObject({ requests: resources.optional(), limits: resources.optional() })
    .optional()
    .meta(about('`requests` and `limits` of the executor.')),
  deadlineSeconds: count(1)
    .nullable()
    .default(2 * 60 * 60)
    .meta(
      about(
        'Seconds after which a build pod that a node has taken is stopped, and its build is held; `null`: never.',
      ),
    ),
  maxParallel: count(1)
    .default(10)
    .meta(about('Builds that run at once in the cluster.', { effect: 'at once' })),
  maxParallelPerNamespace: count(1)
    .optional()
    .meta(
      about('Builds of one namespace that run at once.', {
        effect: 'at once',
        defaultText: 'half of `build.maxParallel`, rounded up',
      }),
    ),
  scratchSizeLimit: quantity
    .nullable()
    .default('50Gi')
    .meta(
      about(
        'Disk of its node that a build pod may use: each container that builds, and each volume between containers. `null`: no limit. A limit of `ephemeral-storage` in `build.resources` counts in its place for containers.',
      ),
    ),
  pushRetry: count(0).default(3).meta(about('How often the executor retries a push.')),
  downloadRetry: count(0)
    .default(3)
    .meta(about('How often the executor retries the download of a base image.')),
  nodeSelector: textMap()
    .optional()
    .meta(about('Labels of the nodes where builds run whose Module names none.')),
})

const host = text()
  .regex(
    /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:\d{1,5})?$/,
    'must be HOST or HOST:PORT, such as registry.internal:5000',
  )
  .refine((given) => URL.canParse(`http://${given}`), 'must be HOST or HOST:PORT')

const registry = z.strictObject({
  caFile: path()
    .optional()
    .meta(
      about(
        'PEM bundle of authorities that sign certificates of registries, beside those of the system. It is read at each check and build.',
      ),
    ),
  nodePullCheck: flag()
    .default(false)
    .meta(
      about(
        'Where a registry refuses the operator or cannot be reached, a target node is asked to pull the image.',
      ),
    ),
  privateAddresses: z
    .enum(['allow', 'refuse'])
    .default('allow')
    .meta(
      about(
        'Whether the operator asks registries and token servers at addresses of private networks. Loopback and link-local addresses are always refused.',
      ),
    ),
  allowedHosts: z
    .array(host, 'must be a list of hosts')
    .default([])
    .meta(
      about(
        'Hosts, with or without a port, that may be at any address: registries, their token servers and the targets of their redirects.',
      ),
    ),
})

const worker = z.strictObject({
  runAsUser: count(0).nullable().default(0).meta(about('User of the worker container; `null` is 0.')),
  seLinuxType: text().default('spc_t').meta(about('SELinux type of the worker container.')),
  firmwareHostPath: path()
    .nullable()
    .default('/lib/firmware')
    .meta(about('Firmware directory of the nodes; `null`: none, and Modules with firmware are refused.')),
  imagePullSecrets: z
    .array(secretName(), 'must be a list of names')
    .default([])
    .meta(
      about(
        'Secrets in the Module’s namespace with which nodes pull the worker image, beside those of the Module or its service account. One that does not exist is passed over.',
      ),
    ),
})

/** The operator's configuration: KMM's keys, `temporal`, `build` and `registry`. */
export const configSchema = z.strictObject({
  temporal: temporal.prefault({}).meta({ effect: 'at once' }),
  build: build.prefault({}).meta({ effect: 'for new build pods' }),
  registry: registry.prefault({}).meta({ effect: 'at once' }),
  job: z
    .strictObject({
      gcDelay: duration.prefault('0s').meta(about('How long pods of successful builds are kept.')),
    })
    .prefault({})
    .meta({ effect: 'at once' }),
  worker: worker.prefault({}).meta({ effect: 'for new worker pods' }),
  leaderElection: z
    .strictObject({
      enabled: flag()
        .default(true)
        .meta(about('One replica at a time watches. `false` is for a single replica.')),
      resourceID: text()
        .default('kmm.sigs.x-k8s.io')
        .meta(about('Name of the Lease, in the operator’s namespace.')),
    })
    .prefault({})
    .meta({ effect: 'at once' }),
  metrics: z
    .strictObject({
      bindAddress: listenAddress('must be HOST:PORT, :PORT or "0" for no metrics', (given) => given === '0')
        .prefault('0.0.0.0:8443')
        .meta(
          about(
            'Where metrics are served; `"0"`: nowhere. A process that starts with `"0"` has none of the Temporal SDK’s metrics until it is restarted.',
          ),
        ),
      enableAuthnAuthz: flag()
        .default(true)
        .meta(about('Metrics are for those who may `get` the path `/metrics`.')),
      secureServing: flag()
        .default(true)
        .meta(about('Metrics are served over TLS, with a certificate that the operator makes.')),
    })
    .prefault({})
    .meta({ effect: 'at once' }),
  healthProbeBindAddress: listenAddress('must be HOST:PORT or :PORT')
    .prefault(':8081')
    .meta(
      about('Where `/healthz` and `/readyz` are served. The probes of the Deployment must ask there.', {
        effect: 'at once',
      }),
    ),
  maxParallel: count(1, 2000)
    .default(200)
    .meta(about('Nodes that one kernel run works on at once.', { effect: 'at once' })),
})
export type OperatorConfig = z.infer<typeof configSchema>
