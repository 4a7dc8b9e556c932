import type { Kube } from '../kube/kube.ts'
import { deployments } from '../kube/resources.ts'
import { createEventRecorder } from './eventRecorder.ts'

/** Something about the operator itself that its admin has to know. */
export interface OperatorEvent {
  readonly type: 'Normal' | 'Warning'
  /** One CamelCase word. */
  readonly reason: string
  readonly message: string
  /** Events with one reason and key are one Event, whichever replica records them; the message without it. */
  readonly key?: string
}

/** The Deployment of the operator; `deployment` is absent outside a cluster. */
export interface OperatorPlace {
  readonly namespace: string
  readonly deployment: string | undefined
}

/**
 * Records an Event on the operator's Deployment, where `kubectl describe deployment` shows it. Without a Deployment
 * nothing is recorded.
 * @throws KubeError when the Deployment cannot be read. An Event that cannot be written is lost.
 */
export async function recordOperatorEvent(
  kube: Pick<Kube, 'get' | 'create'>,
  { namespace, deployment }: OperatorPlace,
  { type, reason, message, key = message }: OperatorEvent,
): Promise<void> {
  if (deployment === undefined) return
  const found = await kube.get(deployments, { namespace, name: deployment })
  if (found === undefined) return
  const { uid } = found.metadata
  const about = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: deployment, uid }
  const text = { type, reason, message, annotations: {}, key: `${reason} ${key}` }
  await createEventRecorder(kube).record(about, text)
}
