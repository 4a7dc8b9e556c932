import { onTestFinished } from 'vitest'
import type { Kube, WriteBody } from '../../activities/kube/kube.ts'
import type { Resource, StoredObject } from '../../activities/kube/resources.ts'

const bindings: Resource<StoredObject> = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  namespaced: false,
}

/** Ends what our admission policies refuse, until the end of a test: what is then left is the operator's own doing. */
export async function withoutPolicies(kube: Kube): Promise<void> {
  const { items } = await kube.list(bindings)
  const ours = items.filter(({ metadata }) => metadata.name.startsWith('kmm'))
  for (const { metadata } of ours) await kube.delete(bindings, { name: metadata.name }, { uid: metadata.uid })
  onTestFinished(async () => {
    for (const { metadata, ...rest } of ours) {
      const { name, labels = {} } = metadata
      const body = {
        ...rest,
        apiVersion: bindings.apiVersion,
        kind: bindings.kind,
        metadata: { name, labels },
      }
      await kube.create(bindings, body as WriteBody)
    }
  })
}
