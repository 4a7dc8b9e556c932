import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { flags } from '../flags.ts'
import { runOrThrow } from '../programs/exec.ts'
import { type RegistryAccess, registryFiles } from '../registryAccess.ts'
import { clusterDomain } from '../services/dns.ts'
import { guestFile } from './initrd.ts'

/** What makes a guest this node of this cluster. */
export interface GuestNode {
  readonly name: string
  /** The node's address, by which the API server reaches its kubelet at `kubeletPort`. */
  readonly address: string
  readonly kubeletPort: number
  /** Address of the cluster's DNS. */
  readonly dns: string
  /** IPv4 network of the node's pods; not reachable from outside. */
  readonly podNetwork: string
  readonly labels: Readonly<Record<string, string>>
  readonly pauseImage: string
  /** Kubeconfig text of the kubelet. */
  readonly kubeconfig: string
  /** PEM of the authority that signed the API server's client certificate. */
  readonly authority: string
  /** Registries by HOST:PORT. */
  readonly registries: ReadonlyMap<string, RegistryAccess>
}

const folder = '/run/kmm'
/** Where containerd looks for registries. */
export const registriesFolder = `${folder}/certs.d`
const socket = 'unix:///run/containerd/containerd.sock'
const scripts = ['boot.sh', 'containerd.sh', 'kubelet.sh', 'log.sh', 'agent.sh', 'crun.sh'] as const

const containerdConfig = (node: GuestNode): string => `version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${node.pauseImage}"

# Written in C: starting it costs a fraction of what runc costs under emulation, several times for each container.
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "crun"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
BinaryName = "${folder}/crun.sh"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${folder}/cni"

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "${registriesFolder}"
`

/** Pods reach the world by a rule of boot.sh: a rule for each pod takes a second under emulation. */
const podNetwork = (node: GuestNode): object => ({
  cniVersion: '0.4.0',
  name: 'lab',
  plugins: [
    {
      type: 'ptp',
      ipam: {
        type: 'host-local',
        dataDir: '/run/cni/addresses',
        ranges: [[{ subnet: node.podNetwork }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
  ],
})

const kubeletConfig = (node: GuestNode): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  port: node.kubeletPort,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: false },
    x509: { clientCAFile: `${folder}/authority.pem` },
  },
  authorization: { mode: 'AlwaysAllow' },
  containerRuntimeEndpoint: socket,
  cgroupDriver: 'cgroupfs',
  failSwapOn: false,
  // Cgroups per pod and class are walked every two seconds, which costs much under emulation.
  cgroupsPerQOS: false,
  enforceNodeAllocatable: [],
  clusterDNS: [node.dns],
  clusterDomain,
  // Its iptables rules serve no one here, and hold up the first report by seconds.
  makeIPTablesUtilChains: false,
  evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },
  imageGCHighThresholdPercent: 100,
  resolvConf: '/etc/resolv.conf',
  serializeImagePulls: false,
  registryPullQPS: 0,
  healthzPort: 0,
})

const kubeletArguments = (node: GuestNode): readonly string[] =>
  flags({
    config: `${folder}/kubelet.json`,
    kubeconfig: `${folder}/kubelet.kubeconfig`,
    'hostname-override': node.name,
    'node-ip': node.address,
    'node-labels': Object.entries(node.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  })

/** Everything the guest finds in /run/kmm, by path. */
export const guestFiles = (node: GuestNode): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(scripts.map((name) => [name, readFileSync(guestFile(name), 'utf8')])),
  hostname: `${node.name}\n`,
  'machine-id': `${createHash('sha256').update(node.name).digest('hex').slice(0, 32)}\n`,
  address: `${node.address}\n`,
  'pod-network': `${node.podNetwork}\n`,
  'containerd.toml': containerdConfig(node),
  'cni/10-lab.conflist': JSON.stringify(podNetwork(node)),
  'kubelet.json': JSON.stringify(kubeletConfig(node)),
  'kubelet.args': kubeletArguments(node)
    .map((argument) => `${argument}\n`)
    .join(''),
  'kubelet.kubeconfig': node.kubeconfig,
  'authority.pem': node.authority,
  ...Object.fromEntries(
    [...node.registries].flatMap(([host, access]) =>
      Object.entries(registryFiles(registriesFolder, host, access)).map(([path, text]) => [
        `certs.d/${path}`,
        text,
      ]),
    ),
  ),
})

/** Writes what the guest finds in /run/kmm to a folder, with the node's credentials, for its owner only. */
export function writeConfiguration(node: GuestNode, tree: string): void {
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree, { recursive: true, mode: 0o700 })
  for (const [path, text] of Object.entries(guestFiles(node))) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), text, { mode: path.endsWith('.sh') ? 0o700 : 0o600 })
  }
}

/**
 * Packs that folder as the configuration drive, which the guest reads as a tar when it boots. The file's size is
 * always the same, so that a running machine sees the new content at its next boot.
 */
export async function packConfiguration(tree: string, target: string): Promise<void> {
  closeSync(openSync(target, 'a', 0o600))
  await runOrThrow(['tar', '-c', '--record-size=1M', '--owner=0', '--group=0', '-f', target, '-C', tree, '.'])
}
