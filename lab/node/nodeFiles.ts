import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { flags } from '../flags.ts'
import { writePrivately } from '../kubeconfig.ts'
import { type RegistryAccess, registryFiles } from '../registryAccess.ts'
import { clusterDomain } from '../services/dns.ts'

const socket = '/run/containerd/containerd.sock'
/** The folder `certs.d` of the node's state, as containerd sees it. */
const registriesFolder = '/run/lab/certs.d'

/** Writes containerd's configuration and its pod network's; returns the file to start it with. */
export function writeContainerdConfig(node: {
  readonly dir: string
  readonly state: string
  readonly pauseImage: string
  readonly podNetwork: string
  readonly runc: string
  readonly cniPlugins: string
}): string {
  const { dir, state, pauseImage, podNetwork, runc, cniPlugins } = node
  const cni = join(state, 'cni')
  mkdirSync(cni, { recursive: true })
  writeFileSync(
    join(cni, '10-lab.conflist'),
    JSON.stringify({
      cniVersion: '0.4.0',
      name: 'lab',
      plugins: [
        {
          type: 'ptp',
          ipam: {
            type: 'host-local',
            dataDir: '/run/lab/addresses',
            ranges: [[{ subnet: podNetwork }]],
            routes: [{ dst: '0.0.0.0/0' }],
          },
        },
      ],
    }),
  )
  const file = join(dir, 'containerd.toml')
  writeFileSync(
    file,
    `version = 2
root = "/run/lab/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[grpc]
address = "${socket}"

[plugins."io.containerd.internal.v1.opt"]
path = "/run/lab/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${pauseImage}"
# Without CAP_SYS_RESOURCE runc cannot lower the score and dies.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "${runc}"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${cniPlugins}"
conf_dir = "/run/lab/cni"

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "${registriesFolder}"
`,
  )
  return file
}

/** Lets containerd pull from a registry. */
export function writeRegistryAccess(state: string, host: string, access: RegistryAccess = {}): void {
  for (const [path, text] of Object.entries(registryFiles(registriesFolder, host, access))) {
    const file = join(state, 'certs.d', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}

/** Writes kubelet's configuration and kubeconfig; returns its arguments. */
export function writeKubeletConfig(node: {
  readonly dir: string
  readonly name: string
  readonly address: string
  /** Address of the cluster's DNS. */
  readonly dns: string
  readonly caFile: string
  readonly kubeconfig: string
  readonly labels: Readonly<Record<string, string>>
}): string[] {
  const kubeconfigFile = join(node.dir, 'kubelet.kubeconfig')
  writePrivately(kubeconfigFile, node.kubeconfig)
  const file = join(node.dir, 'kubelet.json')
  writeFileSync(
    file,
    JSON.stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address: node.address,
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: false },
        x509: { clientCAFile: node.caFile },
      },
      authorization: { mode: 'AlwaysAllow' },
      containerRuntimeEndpoint: `unix://${socket}`,
      cgroupDriver: 'cgroupfs',
      failCgroupV1: false,
      failSwapOn: false,
      // The lab shares the machine with other work: no accounting per class, no evictions.
      cgroupsPerQOS: false,
      enforceNodeAllocatable: [],
      localStorageCapacityIsolation: false,
      evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },
      imageGCHighThresholdPercent: 100,
      makeIPTablesUtilChains: false,
      clusterDNS: [node.dns],
      clusterDomain,
      // Changed ConfigMaps and Secrets reach the volumes of pods this often.
      syncFrequency: '10s',
      resolvConf: '/run/lab/resolv.conf',
      volumePluginDir: '/var/lib/kubelet/volume-plugins',
      serializeImagePulls: false,
      registryPullQPS: 0,
      healthzPort: 0,
      nodeStatusUpdateFrequency: '5s',
    }),
  )
  return flags({
    config: file,
    kubeconfig: kubeconfigFile,
    'hostname-override': node.name,
    'node-ip': node.address,
    'node-labels': Object.entries(node.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  })
}
