import { writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import { moduleKey, type ModuleRef } from '../../api/names.ts'
import type { StoredModule } from '../../api/readModule.ts'
import { operatorNamespace } from '../args/commonFlags.ts'
import { operatorInBundle, type ListAllowed } from '../bundle/operatorInBundle.ts'
import { cleanText } from '../../api/text/cleanText.ts'
import { redactedText } from '../../api/text/redact.ts'
import { redacted } from '../bundle/redact.ts'
import { podInBundle } from '../bundle/podInBundle.ts'
import { shortEvent } from '../bundle/shortEvent.ts'
import type { Call } from '../call.ts'
import { readAround } from '../cluster/read.ts'
import type { ClusterObjects } from '../cluster/snapshot.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import { ForbiddenError, type Right } from '../kube/errors.ts'
import { kinds, type EventObject, type Kind, type StoredObject } from '../kube/resources.ts'
import { createStyle } from '../output/style.ts'
import { temporalPlace, withTemporal } from '../temporal/connect.ts'
import { clusterName, eventsOf, listRuns } from '../temporal/runs.ts'
import { buildsOf, timelineOf } from '../temporal/timeline.ts'
import { explain } from '../why/checklist.ts'
import { drawReport } from '../why/drawReport.ts'
import { moduleFacts } from '../why/facts.ts'
import { gather } from '../why/gather.ts'

const runsInBundle = 5

/** `kubectl kmod support-bundle MODULE`: one YAML file with what a bug report needs, secrets left out. */
export async function supportBundle(call: Call) {
  const [name = ''] = call.arguments
  const { cluster, namespace } = call
  const ref = { namespace, name }
  const around = await readAround(cluster, ref)
  const facts = await gather(cluster, ref, around, operatorNamespace(call))
  const about = moduleFacts(facts, undefined)
  const missingRights: Right[] = [...facts.gaps.values()]
  const list: ListAllowed = async <T extends StoredObject>(
    kind: Kind,
    place: string,
    query: Readonly<Record<string, string>> = {},
  ) => {
    try {
      return (await cluster.list<T>(kind, { namespace: place }, query)).items
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error
      missingRights.push(error.right)
      return []
    }
  }
  const [events, nodeEvents, operator, temporal] = await Promise.all([
    list<EventObject>(kinds.events, namespace),
    list<EventObject>(kinds.events, 'default', { fieldSelector: 'involvedObject.kind=Node' }),
    operatorInBundle(call, list),
    call.orNote<unknown>('could not be reached', () => fromTemporal(call, ref, about?.stored)),
  ])
  const bundle = {
    about: `Module ${moduleKey(ref)}, ${new Date().toISOString()}; values that may be secrets are left out`,
    why: about === undefined ? '' : redactedText(drawReport(explain(about), { style: plainStyle })),
    missingRights,
    ...objectsInBundle(around.objects, name),
    events: redacted([...events, ...nodeEvents].map(shortEvent)),
    operator,
    temporal: redacted(temporal),
  }
  await writeBundle(call, bundle)
  return exitCodes.ok
}

const plainStyle = createStyle({ stdout: { isTTY: false } as NodeJS.WriteStream, env: {} })

function objectsInBundle(
  { modules, nodes, nodeModulesConfigs, pods, configMaps }: ClusterObjects,
  name: string,
) {
  return {
    modules: redacted(modules.filter(({ metadata }) => metadata.name === name)),
    // A node lists every image it has.
    nodes: redacted(nodes.map((node) => ({ ...node, status: { ...node.status, images: undefined } }))),
    nodeModulesConfigs: redacted(nodeModulesConfigs),
    pods: redacted(pods.map(podInBundle)),
    dockerfiles: configMaps.map(({ metadata, data }) => ({
      name: metadata.name,
      dockerfile: redactedText(data?.['dockerfile'] ?? ''),
    })),
  }
}

async function writeBundle(call: Call, bundle: object): Promise<void> {
  const [name = ''] = call.arguments
  const file = call.flag('file') ?? `kmm-support-${call.namespace}-${name}.yaml`
  // What is undefined is not there, in YAML too.
  const plain = JSON.parse(JSON.stringify(bundle)) as object
  // Whoever reads the file does so on a terminal.
  const text = cleanText(stringify(plain, { aliasDuplicateObjects: false }))
  if (file === '-') return call.write(text)
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

/** What the last runs did and the masked ends of their builds' logs; raw logs of pods are never taken. */
async function fromTemporal(call: Call, ref: ModuleRef, module: StoredModule | undefined): Promise<unknown> {
  const place = await temporalPlace(call)
  if (place === undefined)
    return 'left out: give --temporal-address for histories and the masked logs of builds'
  const cluster = await clusterName(call.cluster, ref, module)
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
