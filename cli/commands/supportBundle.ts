import { writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import { moduleKey } from '../../api/names.ts'
import { redacted, redactedText } from '../bundle/redact.ts'
import type { Call } from '../call.ts'
import { readAround } from '../cluster/read.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import { ForbiddenError } from '../kube/errors.ts'
import { kinds, type EventObject, type StoredObject } from '../kube/resources.ts'
import { temporalPlace, withTemporal } from '../temporal/connect.ts'
import { clusterName, eventsOf, listRuns } from '../temporal/runs.ts'
import { buildsOf, timelineOf } from '../temporal/timeline.ts'
import { snapshotOf } from '../cluster/snapshot.ts'
import { explain } from '../why/checklist.ts'
import { drawReport } from '../why/drawReport.ts'
import { moduleFacts } from '../why/facts.ts'
import { gather } from '../why/gather.ts'
import { createStyle } from '../output/style.ts'

const runsInBundle = 5

/** `kubectl kmod support-bundle MODULE`: one YAML file with what a bug report needs, secrets left out. */
export async function supportBundle(call: Call) {
  const [name = ''] = call.arguments
  const ref = { namespace: call.namespace, name }
  const file = call.flag('file') ?? `kmm-support-${ref.namespace}-${name}.yaml`
  const { cluster } = call
  const operatorNamespace = call.flag('operator-namespace') ?? 'kmm-operator-system'
  const facts = moduleFacts(await gather(cluster, ref, operatorNamespace), undefined)
  const { objects, gaps } = await readAround(cluster, ref)
  const missing = gaps.map(({ right }) => right)
  const orMissing = async <T>(read: () => Promise<readonly T[]>): Promise<readonly T[]> => {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error
      missing.push(error.right)
      return []
    }
  }
  const { namespace } = ref
  const [events, operator] = await Promise.all([
    orMissing(async () => (await cluster.list<EventObject>(kinds.events, { namespace })).items),
    orMissing(
      async () =>
        (await cluster.list<StoredObject>(kinds.deployments, { namespace: operatorNamespace })).items,
    ),
  ])
  const plain = createStyle({ stdout: { isTTY: false } as NodeJS.WriteStream, env: {} })
  const own = objects.modules.filter(({ metadata }) => metadata.name === name)
  const bundle = {
    about: `Module ${moduleKey(ref)}, ${new Date().toISOString()}; values that may be secrets are left out`,
    why: facts === undefined ? '' : drawReport(explain(facts), plain),
    missingRights: missing,
    modules: redacted(own),
    nodes: redacted(
      objects.nodes.map(({ metadata, spec, status }) => ({
        metadata,
        spec,
        status: { ...status, images: undefined },
      })),
    ),
    nodeModulesConfigs: redacted(objects.nodeModulesConfigs),
    pods: redacted(objects.pods),
    dockerfiles: objects.configMaps.map(({ metadata, data }) => ({
      name: metadata.name,
      dockerfile: redactedText(data?.['dockerfile'] ?? ''),
    })),
    events: redacted(
      events.map(({ type, reason, message, lastTimestamp, eventTime, ...rest }) => ({
        at: lastTimestamp ?? eventTime,
        type,
        reason,
        message,
        about: (rest as { readonly involvedObject?: object }).involvedObject,
      })),
    ),
    operator: redacted(operator),
    temporal: await fromTemporal(call, ref, snapshotOf(objects)),
  }
  const text = stringify(JSON.parse(JSON.stringify(bundle)) as object, { aliasDuplicateObjects: false })
  if (file === '-') call.write(text)
  else await written(call, file, text)
  return exitCodes.ok
}

async function written(call: Call, file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { mode: 0o600 })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CliError(`cannot write ${file}: ${why}`, exitCodes.failed)
  }
  call.write(
    `Wrote ${file}. Read it before you give it away: Dockerfiles and messages are in it as they are.`,
  )
}

/** What the last runs did and the masked tails of their builds' logs; raw logs of pods are never taken. */
async function fromTemporal(
  call: Call,
  ref: { readonly namespace: string; readonly name: string },
  snapshot: ReturnType<typeof snapshotOf>,
): Promise<unknown> {
  const place = temporalPlace(call)
  if (place === undefined)
    return 'left out: give --temporal-address for histories and the masked logs of builds'
  const cluster = await clusterName(call.cluster, snapshot, ref)
  return await withTemporal(call, place, async (client) => {
    const runs = await listRuns(client, { ref, cluster }, runsInBundle)
    return await Promise.all(
      runs.map(async ({ workflowId, runId, status }) => {
        const events = await eventsOf(client, { workflowId, runId })
        return { workflowId, runId, status: status.name, steps: timelineOf(events), builds: buildsOf(events) }
      }),
    )
  })
}
