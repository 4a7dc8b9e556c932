import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect } from 'vitest'
import { annotations, apiVersion, labels, moduleFinalizer, readyLabel } from '../../api/names.ts'
import { testConfig, testRecord } from '../../api/testCluster.ts'
import { startControlPlane } from '../../lab/controlPlane.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { openTestFolder } from '../../lab/testFolder.ts'
import { smallSpec } from '../moduleSpecs.ts'
import { eventually } from './eventually.ts'

const run = promisify(execFile)
export const operatorNamespace = 'kmm-operator-system'
const own = `${labels.partOf}=kmm`

/** Everything of ours that may be in a cluster, as `kubectl get` takes it. */
const kindsOfOurs =
  'validatingadmissionpolicybindings,validatingadmissionpolicies,deployments,statefulsets,poddisruptionbudgets,' +
  'networkpolicies,services,configmaps,secrets,rolebindings,roles,clusterrolebindings,clusterroles,serviceaccounts,' +
  'leases,crds'

/**
 * A control plane of a test file's own, with controllers (pods of Deployments, deletion of namespaces, garbage) and
 * without nodes that run anything: what is uninstalled there is missed by nobody else.
 */
export class UninstallCluster {
  kubeconfig = ''
  kubectlPath = ''

  /** Runs kubectl; its output. */
  async kubectl(...line: readonly string[]): Promise<string> {
    return (await run(this.kubectlPath, line, { env: this.env })).stdout
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const child = execFile(this.kubectlPath, ['apply', '-f', '-'], { env: this.env })
    child.stdin?.end(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
    await new Promise<void>((resolve, reject) => {
      let output = ''
      child.stderr?.on('data', (text) => (output += String(text)))
      child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(output))))
    })
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: this.kubeconfig }
  }

  async get<T>(...line: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl('get', ...line, '-o', 'json')) as T
  }

  /** Names of what `kubectl get` finds. */
  async names(...line: readonly string[]): Promise<string[]> {
    const output = await this.kubectl('get', ...line, '--ignore-not-found', '-o', 'name')
    return output.split('\n').filter((name) => name !== '')
  }

  /** Objects of the installation, and the definitions, which are of the group alone. */
  async installed(): Promise<string[]> {
    const found = await this.names(kindsOfOurs, '--all-namespaces', '-l', own)
    const definitions = (await this.names('crds')).filter((name) => name.endsWith('.kmm.sigs.x-k8s.io'))
    return [...new Set([...found, ...definitions])].toSorted()
  }

  /** Waits until nothing of the installation is left but its namespace. Labels of others on node n1 stay. */
  async untilUninstalled(): Promise<void> {
    await eventually(
      'all of it is gone',
      () => this.installed(),
      (all) => expect(all).toEqual([]),
    )
    const node = await this.get<{ metadata: { labels: object } }>('node', 'n1')
    expect(node.metadata.labels).toMatchObject({ zone: 'a' })
    expect(JSON.stringify(node.metadata.labels)).not.toContain('kmm.node')
    expect(await this.names('namespaces', '-l', labels.containsModules)).toEqual([])
  }

  /** Waits until the operator's namespace is gone. */
  async untilNamespaceGone(): Promise<void> {
    await eventually(
      'the namespace is gone',
      () => this.names('namespace', operatorNamespace),
      (all) => all.length === 0,
    )
  }

  /** Installs as users do. */
  async install(): Promise<void> {
    await this.kubectl('apply', '-k', 'deploy/')
    await this.kubectl('wait', '--for=condition=Established', 'crd', '-l', own)
    await this.kubectl('-n', operatorNamespace, 'rollout', 'status', 'deployment', '--watch=false')
  }

  /** A leader that was alive at this time. */
  async leader(renewed: Date): Promise<void> {
    const renewTime = renewed.toISOString().replace('Z', '000Z')
    await this.apply({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: operatorNamespace, name: 'kmm.sigs.x-k8s.io' },
      spec: { holderIdentity: 'operator-1', leaseDurationSeconds: 15, renewTime },
    })
  }

  /**
   * What an operator has made of a Module that is loaded on a node: finalizer, record, labels, pods and a claim. The
   * node is not Ready: no kubelet of it is there.
   */
  async loaded(namespace: string, name: string, node: string): Promise<void> {
    const ref = { namespace, name }
    const config = testConfig()
    const record = testRecord(config, { config, bootId: 'b1' }, { node, ref })
    const { spec, status } = record
    const ours = { [labels.partOf]: 'kmm' }
    await this.apply(
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace, labels: { [labels.containsModules]: '' } },
      },
      {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name: node,
          labels: {
            [readyLabel(ref)]: '',
            [`kmm.node.kubernetes.io/version-module.${namespace}.${name}`]: '1',
            zone: 'a',
          },
        },
      },
      { apiVersion, kind: 'Module', metadata: { ...ref, finalizers: [moduleFinalizer] }, spec: smallSpec() },
      {
        apiVersion,
        kind: 'NodeModulesConfig',
        metadata: { name: node },
        spec,
      },
      pod(ref, `${name}-build-aaaaaaaa-1`, {
        ...ours,
        [labels.moduleName]: name,
        [labels.resourceType]: 'BuildImage',
      }),
      pod(ref, `${name}-pull-aaaaaaaa`, { ...ours, [labels.imageOwner]: name }),
      pod(ref, `kmm-worker-${name}`, { ...ours, [labels.moduleName]: name, [labels.workerAction]: 'Load' }),
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {
          namespace: operatorNamespace,
          name: `kmm-image-${name}`,
          labels: { ...ours, [labels.component]: 'ImageClaim' },
          annotations: { [annotations.inputHash]: 'a' },
        },
      },
    )
    const patch = JSON.stringify({ status })
    await this.kubectl(
      'patch',
      'nodemodulesconfig',
      node,
      '--subresource=status',
      '--type=merge',
      '-p',
      patch,
    )
  }

  /** The operator has unloaded: as it would, record and finalizer go. */
  async unloaded(namespace: string, name: string, node: string): Promise<void> {
    await this.kubectl('delete', 'nodemodulesconfig', node)
    await this.kubectl(
      'patch',
      'module',
      name,
      '-n',
      namespace,
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":null}}',
    )
  }
}

function pod({ namespace }: { namespace: string }, name: string, its: object): object {
  const containers = [{ name: 'c', image: 'x' }]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: its },
    spec: { containers, automountServiceAccountToken: false, serviceAccountName: 'default' },
  }
}

/** Starts one for a test file. It is filled in before the first test. */
export function useUninstallCluster(): UninstallCluster {
  const cluster = new UninstallCluster()
  const folder = openTestFolder('uninstall')
  beforeAll(async () => {
    const programs = ensurePrograms([
      'etcd',
      'kube-apiserver',
      'kube-controller-manager',
      'kube-scheduler',
      'kubectl',
    ])
    const { dir, supervisor } = folder
    const address = '127.0.0.1'
    const started = await startControlPlane({ dir, supervisor, programs, address, components: 'full' })
    cluster.kubeconfig = started.kubeconfig
    cluster.kubectlPath = await programs.path('kubectl')
  })
  afterAll(folder.close)
  return cluster
}
