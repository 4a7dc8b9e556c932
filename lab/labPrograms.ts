import type { ProgramName } from './programs/table.ts'
import { vmPrograms } from './vm/prepare.ts'

const always: readonly ProgramName[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'docker-registry',
  'temporal',
  'kwok',
]
const forRealNodes: readonly ProgramName[] = [
  'ip',
  'containerd',
  'runc',
  'cni-plugins',
  'kubelet',
  'kube-proxy',
  'nft',
  'coredns',
  'crane',
  'helm',
  'kaniko-executor',
  'busybox',
  'debootstrap',
  'depmod',
]

/** The programs a lab needs, with real nodes or simulated ones, with or without the virtual machine. */
export function labPrograms(lab: {
  readonly nodes: 'real' | 'simulated'
  readonly vm: boolean
}): ProgramName[] {
  return [...always, ...(lab.nodes === 'real' ? forRealNodes : []), ...(lab.vm ? vmPrograms : [])]
}
