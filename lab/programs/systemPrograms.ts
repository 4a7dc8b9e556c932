import { executable, github, members, type Named } from './entries.ts'
import type { DebianSource, Download, ProgramSpec } from './types.ts'

/** Go toolchain for machines without a recent Go. */
const go = '1.26.8'

const installed = (package_: string): DebianSource => ({ kind: 'install', package: package_ })
const unpacked = (package_: string, folder: string): DebianSource => ({
  kind: 'unpack',
  package: package_,
  folder,
})

/** A program that only Debian supplies (or the user, through PATH or its variable). */
const system = <const Name extends string>(
  name: Name,
  probe: string,
  accept: RegExp,
  wanted: string,
  debian: DebianSource,
  names: readonly string[] = [name],
): Named<Name> => ({
  name,
  version: 'system',
  group: name,
  lookup: executable(names, probe, accept, wanted),
  file: name,
  downloads: {},
  debian,
})

const toolchain = (arch: string, digest: string): Download => {
  const version = `v0.0.1-go${go}.linux-${arch}`
  return {
    url: `{goproxy}/golang.org/toolchain/@v/${version}.zip`,
    algorithm: 'sha256',
    digest,
    unpack: {
      kind: 'zip',
      root: `golang.org/toolchain@${version}`,
      executables: ['bin', `pkg/tool/linux_${arch}`],
    },
  }
}

/** Programs that come as binaries: release files, Debian packages, and the Go toolchain. */
export const systemPrograms = [
  {
    name: 'etcd',
    version: '3.5.21',
    group: 'etcd',
    lookup: executable(['etcd'], '--version', /^etcd Version: 3\.[4-6]\./m, 'etcd 3.4 to 3.6'),
    file: 'etcd',
    downloads: {
      x64: github(
        'etcd-io/etcd/releases/download/v3.5.21/etcd-v3.5.21-linux-amd64.tar.gz',
        'adddda4b06718e68671ffabff2f8cee48488ba61ad82900e639d108f2148501c',
        members(1, 'etcd-v3.5.21-linux-amd64/etcd'),
      ),
      arm64: github(
        'etcd-io/etcd/releases/download/v3.5.21/etcd-v3.5.21-linux-arm64.tar.gz',
        '95bf6918623a097c0385b96f139d90248614485e781ec9bee4768dbb6c79c53f',
        members(1, 'etcd-v3.5.21-linux-arm64/etcd'),
      ),
    },
    debian: unpacked('etcd-server', 'usr/bin'),
  },
  {
    // Its folder also holds the shims, which containerd finds beside itself. The lab's configuration is of version 2.
    name: 'containerd',
    version: '1.7.27',
    group: 'containerd',
    lookup: executable(['containerd'], '--version', /containerd\S* v?1\.[67]\./, 'containerd 1.6 or 1.7'),
    file: 'containerd',
    downloads: {
      x64: github(
        'containerd/containerd/releases/download/v1.7.27/containerd-1.7.27-linux-amd64.tar.gz',
        '5b038fb22ab5dbb1ce57dd3d8f102460cd8619ff2afc78870837b06e8c4e840a',
        members(1, 'bin'),
      ),
      arm64: github(
        'containerd/containerd/releases/download/v1.7.27/containerd-1.7.27-linux-arm64.tar.gz',
        '3f03ea60c7dacddf890be3ab18f7ef859d9d104b19627f52038d7984361912bc',
        members(1, 'bin'),
      ),
    },
    debian: unpacked('containerd', 'usr/bin'),
  },
  {
    name: 'runc',
    version: '1.2.6',
    group: 'runc',
    lookup: executable(['runc'], '--version', /^runc version 1\.[1-4]\./m, 'runc 1.1 to 1.4'),
    file: 'runc',
    downloads: {
      x64: github(
        'opencontainers/runc/releases/download/v1.2.6/runc.amd64',
        '0774f49d1b1eebb5849e644db5e4dc6f2b06cee05f13b3d17d5d6ba62d6f2ebc',
        { kind: 'plain' },
      ),
      arm64: github(
        'opencontainers/runc/releases/download/v1.2.6/runc.arm64',
        '12c612e2ebe6ca198de676ce75ed557e79fe6109032209bb8e25166c967fe170',
        { kind: 'plain' },
      ),
    },
    debian: unpacked('runc', 'usr/sbin'),
  },
  {
    name: 'cni-plugins',
    version: '1.6.2',
    group: 'cni-plugins',
    lookup: {
      kind: 'directory',
      paths: ['/usr/lib/cni', '/opt/cni/bin'],
      contains: ['bridge', 'host-local', 'loopback', 'portmap'],
    },
    file: '.',
    downloads: {
      x64: github(
        'containernetworking/plugins/releases/download/v1.6.2/cni-plugins-linux-amd64-v1.6.2.tgz',
        'b8e811578fb66023f90d2e238d80cec3bdfca4b44049af74c374d4fae0f9c090',
        members(1, '.'),
      ),
      arm64: github(
        'containernetworking/plugins/releases/download/v1.6.2/cni-plugins-linux-arm64-v1.6.2.tgz',
        '01e0e22acc7f7004e4588c1fe1871cc86d7ab562cd858e1761c4641d89ebfaa4',
        members(1, '.'),
      ),
    },
    debian: unpacked('containernetworking-plugins', 'usr/lib/cni'),
  },
  // No published checksum of the 2.8 release files was found, so there is no download.
  system(
    'docker-registry',
    '--version',
    /distribution\S* v?2\.[78]\./,
    'Docker registry 2.7 or 2.8',
    unpacked('docker-registry', 'usr/bin'),
    ['docker-registry', 'registry'],
  ),
  system(
    'busybox',
    '--list',
    /^switch_root$/m,
    'a static busybox with switch_root',
    unpacked('busybox-static', 'bin'),
  ),
  system(
    'qemu-system-x86_64',
    '--version',
    /^QEMU emulator version ([5-9]|\d\d)\./m,
    'QEMU 5 or later',
    installed('qemu-system-x86'),
  ),
  system('debootstrap', '--version', /^debootstrap \d/m, 'debootstrap', installed('debootstrap')),
  system('depmod', '--version', /^kmod version/m, 'depmod of kmod', installed('kmod')),
  system('cpio', '--version', /^cpio \(GNU cpio\)/m, 'GNU cpio', installed('cpio')),
  system('iptables', '--version', /^iptables v1\./m, 'iptables 1', installed('iptables')),
  system('nft', '--version', /^nftables v\d/m, 'nft of nftables', installed('nftables')),
  system('ip', '-V', /^ip utility, iproute2/m, 'ip of iproute2', installed('iproute2')),
  system('mkfs.ext4', '-V', /^mke2fs 1\.4[3-9]/m, 'mke2fs 1.43 or later', installed('e2fsprogs')),
  system(
    'chromium',
    '--version',
    /^(Chromium|Google Chrome) \d/m,
    'Chromium or Google Chrome',
    installed('chromium'),
    ['chromium', 'chromium-browser', 'google-chrome'],
  ),
  system('zsh', '--version', /^zsh 5\./m, 'zsh 5', installed('zsh')),
  system('fish', '--version', /^fish, version [3-9]\./m, 'fish 3 or later', installed('fish')),
  system('unzip', '-v', /^UnZip [6-9]\./m, 'Info-ZIP unzip 6', installed('unzip')),
  {
    // The zip files of this module are whole toolchains. Checksums: of the files whose h1 sum the Go checksum database
    // confirms (amd64 ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=, arm64 sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=).
    name: 'go',
    version: go,
    group: 'go',
    lookup: executable(['go'], 'version', /\bgo1\.(2[4-9]|[3-9]\d)\b/, 'Go 1.24 or later'),
    file: 'bin/go',
    downloads: {
      x64: toolchain('amd64', '30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7'),
      arm64: toolchain('arm64', '02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99'),
    },
  },
] as const satisfies readonly ProgramSpec[]
