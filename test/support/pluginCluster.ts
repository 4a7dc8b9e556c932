import type { Kube } from '../../activities/kube/kube.ts'
import {
  configMaps,
  modules,
  namespaces,
  nodeModulesConfigs,
  nodes,
  pods,
  type StoredObject,
} from '../../activities/kube/resources.ts'
import { apiVersion, group, labels, moduleFinalizer } from '../../api/names.ts'

/** What the operator, the kubelet and users would write, written by a test to a real API server. */
export class PluginCluster {
  readonly kube: Kube
  readonly namespace: string
  #count = 0

  constructor(kube: Kube, namespace: string) {
    this.kube = kube
    this.namespace = namespace
  }

  async open(podSecurity: object = { 'pod-security.kubernetes.io/enforce': 'privileged' }): Promise<this> {
    const metadata = { name: this.namespace, labels: podSecurity }
    await this.kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata })
    return this
  }

  /** A Module as it stands after the operator has put its finalizer on and written this status. */
  async module(name: string, spec: object, status?: object): Promise<StoredObject> {
    const { namespace } = this
    const metadata = { namespace, name, finalizers: [moduleFinalizer] }
    const { object } = await this.kube.create(modules, { apiVersion, kind: 'Module', metadata, spec })
    if (status !== undefined) await this.status(name, status)
    return object
  }

  async status(name: string, status: object): Promise<void> {
    const { namespace } = this
    await this.kube.patch(modules, { namespace, name }, { status }, { subresource: 'status' })
  }

  /** A Ready node that only this cluster's Modules select. */
  async node(
    change: { kernel?: string; ready?: string; taints?: object[]; labels?: object } = {},
  ): Promise<string> {
    const name = `${this.namespace}-${++this.#count}`
    const metadata = { name, labels: { plugin: this.namespace, ...change.labels } }
    await this.kube.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata })
    // The API server itself keeps every new node out, and there is no controller that lets it in.
    await this.kube.patch(nodes, { name }, { spec: { taints: change.taints ?? [] } })
    const info = { kernelVersion: change.kernel ?? '6.1.0-1-amd64', bootID: 'boot', architecture: 'amd64' }
    const unknown = { osImage: 'test', operatingSystem: 'linux', machineID: '', systemUUID: '' }
    const rest = { containerRuntimeVersion: '', kubeletVersion: '', kubeProxyVersion: '' }
    const ready = { type: 'Ready', status: change.ready ?? 'True', reason: 'x', message: '' }
    const status = { conditions: [ready], nodeInfo: { ...info, ...unknown, ...rest } }
    await this.kube.patch(nodes, { name }, { status }, { subresource: 'status' })
    return name
  }

  /** A pod of the operator's, in this status. */
  async pod(
    name: string,
    change: { labels: object; annotations: object; nodeName?: string; container?: string; status: object },
  ): Promise<void> {
    const { namespace } = this
    await this.kube.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace,
        name,
        labels: { [labels.partOf]: 'kmm', ...change.labels },
        annotations: change.annotations,
      },
      spec: {
        ...(change.nodeName === undefined ? {} : { nodeName: change.nodeName }),
        containers: [{ name: change.container ?? 'kaniko', image: 'x' }],
        automountServiceAccountToken: false,
      },
    })
    await this.kube.patch(pods, { namespace, name }, { status: change.status }, { subresource: 'status' })
  }

  /** A ConfigMap with a Dockerfile. */
  async dockerfile(name: string): Promise<void> {
    const { namespace } = this
    const metadata = { namespace, name }
    const data = { dockerfile: 'FROM scratch' }
    await this.kube.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data })
  }

  /** The record of a node, written anew. */
  async record(node: string, { spec, status }: { spec: object; status: object }): Promise<void> {
    const ref = { name: node }
    await this.kube.create(nodeModulesConfigs, {
      apiVersion,
      kind: 'NodeModulesConfig',
      metadata: ref,
    })
    await this.kube.patch(nodeModulesConfigs, ref, { spec })
    await this.kube.patch(nodeModulesConfigs, ref, { status }, { subresource: 'status' })
  }

  /** Lets a user read the Modules of the namespace, and nothing else. */
  async mayReadModules(user: string): Promise<void> {
    const rbac = 'rbac.authorization.k8s.io'
    const path = `/apis/${rbac}/v1/namespaces/${this.namespace}`
    const post = async (plural: string, body: object) =>
      await this.kube.transport.json({ verb: 'create', resource: plural, path: `${path}/${plural}`, body })
    await post('roles', {
      metadata: { name: user },
      rules: [{ apiGroups: [group], resources: ['modules'], verbs: ['get', 'list'] }],
    })
    await post('rolebindings', {
      metadata: { name: user },
      roleRef: { apiGroup: rbac, kind: 'Role', name: user },
      subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
    })
  }

  /** The selector of this cluster's nodes. */
  get selector(): object {
    return { plugin: this.namespace }
  }
}
