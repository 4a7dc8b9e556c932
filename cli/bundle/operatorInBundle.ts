import { operatorName } from '../../api/permissions.ts'
import { operatorNamespace } from '../args/commonFlags.ts'
import type { Call } from '../call.ts'
import { type OperatorConfiguration, readOperatorConfiguration } from '../cluster/operatorConfig.ts'
import { type EventObject, kinds, type Kind, type StoredObject } from '../kube/resources.ts'
import { shortEvent } from './shortEvent.ts'
import { redactedText } from '../../api/text/redact.ts'
import { redacted } from './redact.ts'

/** Lists what this user may; the right that is missing is noted elsewhere. */
export type ListAllowed = <T extends StoredObject>(
  kind: Kind,
  namespace: string,
  query?: Readonly<Record<string, string>>,
) => Promise<readonly T[]>

/** Lines of each pod's log. */
const logLines = 500

/** The operator itself: how it is deployed and configured, and the ends of its logs, as far as this user may see. */
export async function operatorInBundle(call: Call, list: ListAllowed) {
  const namespace = operatorNamespace(call)
  const [deployments, pods, events, configuration] = await Promise.all([
    list(kinds.deployments, namespace),
    list(kinds.pods, namespace),
    list<EventObject>(kinds.events, namespace, { fieldSelector: 'involvedObject.kind=Deployment' }),
    readOperatorConfiguration(call.cluster, namespace),
  ])
  const own = pods.filter(({ metadata: { name } }) => name.startsWith(`${operatorName}-`))
  const logs = await Promise.all(
    own.map(async ({ metadata: { name } }) => ({
      pod: name,
      log: await call.orNote('', () => endOfLog(call, { namespace, name })),
    })),
  )
  return {
    deployments: redacted(deployments),
    configuration: redacted(configurationInBundle(configuration)),
    events: redacted(events.map(shortEvent)),
    pods: redacted(own),
    logs,
  }
}

function configurationInBundle(found: OperatorConfiguration | undefined) {
  if (found === undefined) return undefined
  const { configMap, parsed } = found
  const { warnings } = parsed
  return { configMap, warnings, ...(parsed.ok ? { values: parsed.config } : { faults: parsed.faults }) }
}

async function endOfLog(call: Call, pod: { readonly namespace: string; readonly name: string }) {
  const place = { ...pod, subresource: 'log' }
  const chunks: Uint8Array[] = []
  for await (const chunk of await call.cluster.stream('get', kinds.pods, place, { tailLines: logLines }))
    chunks.push(chunk)
  return redactedText(Buffer.concat(chunks).toString('utf8'))
}
