import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { adminToken, openAuthority, serviceAccountKeys } from './certificates.ts'
import { flags } from './flags.ts'
import { kubeconfigText, writePrivately } from './kubeconfig.ts'
import { freePorts } from './ports.ts'
import { httpProbe } from './probes.ts'
import type { ProgramPaths } from './programPaths.ts'
import type { ManagedProcess, Supervisor } from './supervisor.ts'

/** A running Kubernetes control plane. */
export interface ControlPlane {
  /** Address of the API server, https://HOST:PORT. */
  readonly server: string
  /** Kubeconfig of the administrator. */
  readonly kubeconfig: string
  /** PEM of the authority behind the API server's certificate and all client certificates. */
  readonly caFile: string
  /** JSON lines of every request, when asked for. */
  readonly auditLog: string | null
  readonly etcd: ManagedProcess
  readonly apiserver: ManagedProcess
  /** Kubeconfig text for the kubelet of a node (user system:node:NAME, group system:nodes). */
  nodeKubeconfig(nodeName: string): Promise<string>
  /** Kubeconfig text for a component of Kubernetes (user system:NAME, whose rights the API server knows). */
  componentKubeconfig(name: string): Promise<string>
}

/** What a control plane is made of. */
export interface ControlPlaneOptions {
  /** Folder for data, certificates and kubeconfig; everything in it is used again at the next start. */
  readonly dir: string
  readonly supervisor: Supervisor
  readonly programs: ProgramPaths
  /** Address the API server listens on and is known by. */
  readonly address: string
  /** Port of the API server; a free one by default. */
  readonly port?: number
  /**
   * `apiserver`: etcd and kube-apiserver only; pods need no service account then. `full`: with
   * kube-controller-manager and kube-scheduler.
   */
  readonly components: 'apiserver' | 'full'
  /** Whose requests are written to an audit log: everybody's (metadata only), or one user's with what is written. */
  readonly audit?: Audit
  readonly kubeconfig?: string
  /** Where services have their addresses, for clusters whose pods reach them; by default nobody routes there. */
  readonly services?: ServiceNetwork
}

/** Whose requests an audit log holds. */
export type Audit = 'everybody' | { readonly user: string }

/** The addresses of services; the API server's own service has the first one. */
export interface ServiceNetwork {
  readonly network: string
  readonly apiServer: string
}

const unroutedServices: ServiceNetwork = { network: '10.96.0.0/16', apiServer: '10.96.0.1' }
const fresh = 'or begin anew with --fresh'

/** Starts a control plane and resolves when all of it is ready. Throws a ProgramError. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { dir, supervisor, programs, address, services = unroutedServices } = options
  mkdirSync(dir, { recursive: true })
  keepServiceNetwork(dir, services)
  const pki = join(dir, 'pki')
  const authority = await openAuthority(pki)
  const internal = await freePorts(5)
  const [etcdPort = 0, peerPort = 0, managerPort = 0, schedulerPort = 0, spare = 0] = internal
  const port = options.port ?? spare
  const server = `https://${address}:${port}`
  const { token, tokenFile } = adminToken(pki)
  const kubeconfig = options.kubeconfig ?? join(dir, 'kubeconfig')
  const auditLog = options.audit === undefined ? null : join(dir, 'audit.log')

  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const peerUrl = `http://127.0.0.1:${peerPort}`
  const etcd = await supervisor.start({
    name: 'etcd',
    command: [
      await programs.path('etcd'),
      ...flags({
        'data-dir': join(dir, 'etcd'),
        'unsafe-no-fsync': true,
        'log-level': 'warn',
        'listen-client-urls': etcdUrl,
        'advertise-client-urls': etcdUrl,
        'listen-peer-urls': peerUrl,
        'initial-advertise-peer-urls': peerUrl,
        'initial-cluster': `default=${peerUrl}`,
      }),
    ],
    ready: { probe: httpProbe(`${etcdUrl}/health`), timeoutMs: 60_000 },
    fix: `see the log, ${fresh}`,
  })

  const keys = serviceAccountKeys(pki)
  const ca = readFileSync(authority.certFile, 'utf8')
  const headers = { authorization: `Bearer ${token}` }
  const serving = await authority.issue({
    name: 'kube-apiserver',
    commonName: 'kube-apiserver',
    hosts: [...new Set([address, '127.0.0.1', 'localhost', services.apiServer]), 'kubernetes.default.svc'],
  })
  const kubeletClient = await authority.issue({
    name: 'kube-apiserver-kubelet-client',
    commonName: 'kube-apiserver-kubelet-client',
  })
  const apiserver = await supervisor.start({
    name: 'kube-apiserver',
    command: [
      await programs.path('kube-apiserver'),
      ...flags({
        'etcd-servers': etcdUrl,
        'bind-address': address,
        'advertise-address': address,
        'secure-port': port,
        // A loopback address is refused as an endpoint.
        'endpoint-reconciler-type': options.services === undefined ? 'none' : 'lease',
        'service-cluster-ip-range': services.network,
        'tls-cert-file': serving.certFile,
        'tls-private-key-file': serving.keyFile,
        'client-ca-file': authority.certFile,
        'token-auth-file': tokenFile,
        // With these it reaches kubelets for logs and exec.
        'kubelet-client-certificate': kubeletClient.certFile,
        'kubelet-client-key': kubeletClient.keyFile,
        'kubelet-preferred-address-types': 'InternalIP',
        'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
        'service-account-key-file': keys.publicFile,
        'service-account-signing-key-file': keys.privateFile,
        'authorization-mode': 'Node,RBAC',
        'enable-admission-plugins': 'NodeRestriction',
        'disable-admission-plugins': options.components === 'apiserver' ? 'ServiceAccount' : undefined,
        'allow-privileged': true,
        // etcd 3.4 cannot serve it, and clients that are told otherwise try for ever.
        'feature-gates': 'WatchList=false',
        'audit-policy-file': options.audit === undefined ? undefined : writeAuditPolicy(dir, options.audit),
        'audit-log-path': auditLog ?? undefined,
        // In MiB: one file, whatever a run of all tests writes.
        'audit-log-maxsize': auditLog === null ? undefined : 4096,
      }),
    ],
    ready: { probe: httpProbe(`${server}/readyz`, { ca, headers }), timeoutMs: 60_000 },
    fix: `see the log, ${fresh}`,
    stop: { timeoutMs: 2_000 },
  })
  writePrivately(
    kubeconfig,
    kubeconfigText({ server, caFile: authority.certFile, credentials: { kind: 'token', token } }),
  )

  const client = async (name: string, commonName: string, organization?: string) => {
    const certificate = await authority.issue({
      name,
      commonName,
      ...(organization === undefined ? {} : { organization }),
      hosts: ['127.0.0.1'],
    })
    const credentials = { kind: 'certificate', ...certificate } as const
    return { certificate, text: kubeconfigText({ server, caFile: authority.certFile, credentials }) }
  }

  if (options.components === 'full') {
    /** What kube-controller-manager and kube-scheduler have in common. */
    const component = async (name: string, atPort: number) => {
      const { certificate, text } = await client(name, `system:${name}`)
      const file = join(pki, `${name}.kubeconfig`)
      writePrivately(file, text)
      return flags({
        kubeconfig: file,
        'leader-elect': false,
        'bind-address': '127.0.0.1',
        'secure-port': atPort,
        'tls-cert-file': certificate.certFile,
        'tls-private-key-file': certificate.keyFile,
      })
    }
    const manager = [
      await programs.path('kube-controller-manager'),
      ...(await component('kube-controller-manager', managerPort)),
      ...flags({
        'use-service-account-credentials': true,
        'root-ca-file': authority.certFile,
        // It makes this folder; its default is in the machine's /usr.
        'flex-volume-plugin-dir': join(dir, 'volume-plugins'),
        'service-account-private-key-file': keys.privateFile,
      }),
    ] as const
    const scheduler = [
      await programs.path('kube-scheduler'),
      ...(await component('kube-scheduler', schedulerPort)),
    ] as const
    const defaultAccount = `${server}/api/v1/namespaces/default/serviceaccounts/default`
    await Promise.all([
      supervisor.start({
        name: 'kube-controller-manager',
        command: manager,
        ready: { probe: httpProbe(defaultAccount, { ca, headers }), timeoutMs: 60_000 },
        fix: 'see the log',
        stop: { timeoutMs: 5_000 },
      }),
      supervisor.start({
        name: 'kube-scheduler',
        command: scheduler,
        ready: { probe: httpProbe(`https://127.0.0.1:${schedulerPort}/healthz`, { ca }), timeoutMs: 60_000 },
        fix: 'see the log',
        stop: { timeoutMs: 5_000 },
      }),
    ])
  }

  return {
    server,
    kubeconfig,
    caFile: authority.certFile,
    auditLog,
    etcd,
    apiserver,
    async nodeKubeconfig(nodeName) {
      return (await client(`node-${nodeName}`, `system:node:${nodeName}`, 'system:nodes')).text
    },
    async componentKubeconfig(name) {
      return (await client(name, `system:${name}`)).text
    },
  }
}

/** Services keep the addresses that a cluster began with. Throws when that was another network. */
function keepServiceNetwork(dir: string, { network }: ServiceNetwork): void {
  const file = join(dir, 'service-network')
  const begun = existsSync(file) ? readFileSync(file, 'utf8') : undefined
  const kept = begun ?? (existsSync(join(dir, 'etcd')) ? unroutedServices.network : network)
  if (kept !== network) {
    throw new Error(
      `the cluster in ${dir} has its services in ${kept}, the lab's network wants ${network}: begin anew with --fresh`,
    )
  }
  if (begun === undefined) writeFileSync(file, network)
}

/** Of these an audit log never holds what was sent. */
const holdSecrets = [
  { group: '', resources: ['secrets', 'serviceaccounts/token'] },
  { group: 'authentication.k8s.io', resources: ['tokenreviews'] },
]

function writeAuditPolicy(dir: string, audit: Audit): string {
  const file = join(dir, 'audit-policy.json')
  const rules =
    audit === 'everybody'
      ? [{ level: 'Metadata' }]
      : [
          { level: 'Metadata', users: [audit.user], resources: holdSecrets },
          { level: 'Request', users: [audit.user], verbs: ['create', 'update', 'patch'] },
          { level: 'Metadata', users: [audit.user] },
          { level: 'None' },
        ]
  writeFileSync(
    file,
    JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules }),
  )
  return file
}
