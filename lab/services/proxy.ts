import { mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { writePrivately } from '../kubeconfig.ts'
import { httpProbe } from '../probes.ts'
import type { ProgramPaths } from '../programPaths.ts'
import type { ManagedProcess, Supervisor } from '../supervisor.ts'

const healthPort = 10_256

/**
 * Starts kube-proxy in the network namespace of a node, where it translates the addresses of services with nftables.
 * Whoever routes these addresses to the node is served: the node's pods, the machine, and the virtual machine, whose
 * connections the machine opens. Replies come back through the node, so all of it is masqueraded. Throws a ProgramError.
 */
export async function startServiceProxy(node: {
  readonly dir: string
  readonly name: string
  readonly address: string
  readonly podNetwork: string
  readonly kubeconfig: string
  readonly supervisor: Supervisor
  readonly programs: ProgramPaths
  /** Makes a command run inside the node. */
  readonly inside: (command: readonly string[]) => [string, ...string[]]
}): Promise<ManagedProcess> {
  const { dir, name, address, supervisor, programs } = node
  mkdirSync(dir, { recursive: true })
  const kubeconfig = join(dir, 'kube-proxy.kubeconfig')
  writePrivately(kubeconfig, node.kubeconfig)
  const config = join(dir, 'kube-proxy.json')
  writeFileSync(
    config,
    JSON.stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'nftables',
      nftables: { masqueradeAll: true },
      clientConnection: { kubeconfig },
      hostnameOverride: name,
      bindAddress: address,
      detectLocalMode: 'ClusterCIDR',
      clusterCIDR: node.podNetwork,
      // The machine's own limits stay as they are.
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
      healthzBindAddress: `${address}:${healthPort}`,
      metricsBindAddress: '127.0.0.1:10249',
    }),
  )
  const nft = await programs.path('nft')
  return await supervisor.start({
    name: `${name}-kube-proxy`,
    command: node.inside([await programs.path('kube-proxy'), `--config=${config}`]),
    env: { PATH: [dirname(nft), process.env['PATH'], '/usr/sbin', '/sbin'].join(delimiter) },
    ready: { probe: httpProbe(`http://${address}:${healthPort}/healthz`), timeoutMs: 60_000 },
    fix: 'see the log; the kernel must have nf_tables with NAT',
  })
}
