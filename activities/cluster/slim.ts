import { boundedPod } from '../../api/podSchema.ts'
import type { ConfigMap, Node, Pod } from '../kube/resources.ts'

// What the caches keep of objects: who may create them in a namespace must not fill the operator's memory.

/** Of a pod only what its form knows is kept. */
export function slimPod(pod: Pod): Pod {
  return boundedPod(pod) as Pod
}

/** Of a Node neither its managed fields nor its images are kept. */
export function slimNode(node: Node): Node {
  const { managedFields: _fields, annotations: _annotations, ...metadata } = node.metadata
  const { images: _images, ...status } = node.status ?? {}
  return { ...node, metadata, status }
}

/** Of a ConfigMap only the Dockerfile is kept. */
export function slimConfigMap(configMap: ConfigMap): ConfigMap {
  const { managedFields: _fields, annotations: _annotations, ...metadata } = configMap.metadata
  const dockerfile = configMap.data?.['dockerfile']
  return { metadata, ...(dockerfile === undefined ? {} : { data: { dockerfile } }) }
}
