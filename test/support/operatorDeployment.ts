import type { Kube } from '../../activities/kube/kube.ts'
import { deployments, namespaces, type Deployment } from '../../activities/kube/resources.ts'

type PodSpec = NonNullable<NonNullable<Deployment['spec']>['template']['spec']>

/** Creates the operator's namespace with its Deployment, which has no replicas: Events and configuration belong to it. */
export async function createOperatorDeployment(
  kube: Kube,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  podSpec: PodSpec = { containers: [{ name: 'operator', image: 'reg.example/kmm:1' }] },
): Promise<void> {
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  const labels = { app: 'operator' }
  await kube.create(deployments, {
    apiVersion: deployments.apiVersion,
    kind: 'Deployment',
    metadata: { namespace, name },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: podSpec },
    },
  })
}
