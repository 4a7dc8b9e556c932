import { executable, github, members, type Named } from './entries.ts'
import type { Download, GoBuild, ProgramSpec } from './types.ts'

/** Kubernetes of the lab. 1.35 and later refuse cgroup v1. */
const kubernetes = '1.34.4'

/** A program of Kubernetes' server archive; its checksum is in Kubernetes' CHANGELOG-1.34.md (only SHA-512 there). */
const kubernetesProgram = <const Name extends string>(
  name: Name,
  accept: RegExp,
  wanted: string,
  probe = '--version',
): Named<Name> => {
  const server = (arch: string, digest: string): Download => ({
    url: `https://dl.k8s.io/v${kubernetes}/kubernetes-server-linux-${arch}.tar.gz`,
    algorithm: 'sha512',
    digest,
    unpack: members(3, `kubernetes/server/bin/${name}`),
  })
  return {
    name,
    version: kubernetes,
    group: 'kubernetes',
    lookup: executable([name], probe, accept, wanted),
    file: name,
    downloads: {
      x64: server(
        'amd64',
        '65c75e81e3ea488f6d42b493cad64d7577ddfa1e5372037a1c841ac069039997d359b5b2f2d44e7665bf04c48ed0065cf9d4c9801b1e63bb6a1b099ef00d4863',
      ),
      arm64: server(
        'arm64',
        'a1fad7060ed67b5634f32f3256a295179dd887dab5c82b8550c2eb62c69df34cfbb311c8f93e7608d558eba32b9e2ddc23976db39e512fd747cc6bf9b4c1765f',
      ),
    },
    go: {
      module: 'k8s.io/kubernetes',
      version: `v${kubernetes}`,
      package: `k8s.io/kubernetes/cmd/${name}`,
      define: { 'k8s.io/component-base/version.gitVersion': `v${kubernetes}` },
      siblings: kubernetes.replace(/^1/, 'v0'),
    },
  }
}

const isKubernetes = /^Kubernetes v1\.34\./m

const goProgram = <const Name extends string>(
  spec: Omit<ProgramSpec, 'group'> & { readonly name: Name; readonly go: GoBuild },
): Named<Name> => ({
  ...spec,
  group: spec.name,
})

/** Programs that can be compiled from their Go module, in the order in which they are compiled. */
export const goPrograms = [
  // Small and needed first: base images are pushed with it while the rest still compiles.
  goProgram({
    name: 'crane',
    version: '0.20.6',
    lookup: executable(['crane'], 'version', /^v?0\.2\d\./m, 'crane 0.20 or later 0.2x'),
    file: 'crane',
    downloads: {
      x64: github(
        'google/go-containerregistry/releases/download/v0.20.6/go-containerregistry_Linux_x86_64.tar.gz',
        'c1d593d01551f2c9a3df5ca0a0be4385a839bd9b86d4a76e18d7b17d16559127',
        members(0, 'crane'),
      ),
      arm64: github(
        'google/go-containerregistry/releases/download/v0.20.6/go-containerregistry_Linux_arm64.tar.gz',
        'fc0515857bc38e4ddd2d37a5ab03fb5959449c7b2d4ad759bcc1174ac0cad91b',
        members(0, 'crane'),
      ),
    },
    go: {
      module: 'github.com/google/go-containerregistry',
      version: 'v0.20.6',
      package: 'github.com/google/go-containerregistry/cmd/crane',
      define: { 'github.com/google/go-containerregistry/cmd/crane/cmd.Version': '0.20.6' },
    },
  }),
  kubernetesProgram('kube-apiserver', isKubernetes, 'Kubernetes v1.34'),
  kubernetesProgram('kube-controller-manager', isKubernetes, 'Kubernetes v1.34'),
  kubernetesProgram('kube-scheduler', isKubernetes, 'Kubernetes v1.34'),
  kubernetesProgram('kubelet', isKubernetes, 'Kubernetes v1.34'),
  kubernetesProgram('kube-proxy', isKubernetes, 'Kubernetes v1.34'),
  goProgram({
    // Kaniko publishes images only, no release files: it is always compiled.
    name: 'kaniko-executor',
    version: '1.24.0',
    lookup: executable(
      ['kaniko-executor'],
      'version',
      /^Kaniko version :\s+v?1\.24\./m,
      'kaniko executor 1.24',
    ),
    file: 'executor',
    downloads: {},
    go: {
      module: 'github.com/GoogleContainerTools/kaniko',
      version: 'v1.24.0',
      package: 'github.com/GoogleContainerTools/kaniko/cmd/executor',
      define: { 'github.com/GoogleContainerTools/kaniko/pkg/version.version': 'v1.24.0' },
    },
  }),
  goProgram({
    // 1.6 and later carry a replace directive and cannot be compiled from the module proxy.
    name: 'temporal',
    version: '1.5.1',
    lookup: executable(
      ['temporal'],
      '--version',
      /\(Server 1\.(29|[3-9]\d)\./,
      'Temporal CLI with server 1.29 or later',
    ),
    file: 'temporal',
    downloads: {
      x64: github(
        'temporalio/cli/releases/download/v1.5.1/temporal_cli_1.5.1_linux_amd64.tar.gz',
        'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
        members(0, 'temporal'),
      ),
    },
    go: {
      module: 'github.com/temporalio/cli',
      version: 'v1.5.1',
      package: 'github.com/temporalio/cli/cmd/temporal',
      define: { 'github.com/temporalio/cli/temporalcli.Version': '1.5.1' },
    },
  }),
  goProgram({
    name: 'coredns',
    version: '1.12.4',
    lookup: executable(['coredns'], '-version', /^CoreDNS-1\.1\d\./m, 'CoreDNS 1.1x'),
    file: 'coredns',
    // The checksum of its release file could not be looked up.
    downloads: {},
    go: {
      module: 'github.com/coredns/coredns',
      version: 'v1.12.4',
      package: 'github.com/coredns/coredns',
      define: { 'github.com/coredns/coredns/coremain.GitCommit': 'v1.12.4' },
    },
  }),
  kubernetesProgram('kubectl', /v1\.(3[0-9])\./, 'kubectl 1.30 to 1.39', 'version --client'),
  goProgram({
    name: 'helm',
    version: '3.19.5',
    lookup: executable(['helm'], 'version', /Version:"v3\.(19|[2-9]\d)\./, 'helm 3.19 or later 3.x'),
    file: 'helm',
    downloads: {},
    go: {
      module: 'helm.sh/helm/v3',
      version: 'v3.19.5',
      package: 'helm.sh/helm/v3/cmd/helm',
      define: {
        'helm.sh/helm/v3/internal/version.version': 'v3.19.5',
        // The Kubernetes that `helm template` and `helm lint` take a chart to be for; 1.20 unless it is set.
        'helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor': '1',
        'helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor': '34',
        'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor': '1',
        'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor': '34',
      },
    },
  }),
  goProgram({
    name: 'kwok',
    version: '0.8.0',
    lookup: executable(['kwok'], '--version', /^kwok version v?0\.8\./m, 'kwok 0.8'),
    file: 'kwok',
    downloads: {
      x64: github(
        'kubernetes-sigs/kwok/releases/download/v0.8.0/kwok-linux-amd64',
        'f5a4385a2ae1b9dd7f8acae18e002a75c0ebba124ae9d7259aa8dadb50711f46',
        { kind: 'plain' },
      ),
    },
    go: {
      module: 'sigs.k8s.io/kwok',
      version: 'v0.8.0',
      package: 'sigs.k8s.io/kwok/cmd/kwok',
      define: { 'sigs.k8s.io/kwok/pkg/consts.Version': 'v0.8.0' },
    },
  }),
] as const satisfies readonly ProgramSpec[]
