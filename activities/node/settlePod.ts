import { Context } from '@temporalio/activity'
import { z } from 'zod'
import type { NodeFacts, PodFacts } from '../../api/facts.ts'
import { annotations, labels, workerPodName, type ModuleRef } from '../../api/names.ts'
import { moduleConfigSchema, recordEntries } from '../../api/nodeModulesConfig.ts'
import type { NodeWork } from '../../api/nodePlan.ts'
import type { Seen } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { removePod } from '../removePod.ts'
import { loaderOutcome } from './loaderOutcome.ts'
import { recordFact } from './record.ts'

/**
 * Removes the worker pod that other work left on a node (an operator that was killed, a command that was replaced):
 * one that has not begun at once, one that runs when it has ended. What it loaded is written down first, so that it
 * is unloaded before anything else is done: then the result says what the record has become. The pod of `work`
 * itself is left alone, unless `work` is over.
 */
export async function settlePod(
  deps: Dependencies,
  ref: ModuleRef,
  node: NodeFacts,
  work: Pick<NodeWork, 'action' | 'configHash'> | 'over',
): Promise<Seen | undefined> {
  const name = workerPodName(node.uid, ref)
  const pod = deps.cache.pods(ref).find((p) => p.name === name)
  if (pod === undefined || (work !== 'over' && isOf(pod, work))) return undefined
  const signal = Context.current().cancellationSignal
  const ended =
    pod.state.kind === 'pending'
      ? pod
      : await deps.cache.waitForPod(pod, (facts) => facts?.uid !== pod.uid || hasEnded(facts), signal)
  const seen = await writeDown(deps, ref, node, ended?.uid === pod.uid ? ended : undefined)
  await removePod(deps, pod)
  return seen
}

/** Has a pod succeeded or failed? */
export function hasEnded(pod: PodFacts): boolean {
  return pod.state.kind === 'succeeded' || pod.state.kind === 'failed'
}

function isOf(pod: PodFacts, work: Pick<NodeWork, 'action' | 'configHash'>): boolean {
  return pod.labels[labels.workerAction] === work.action && pod.labels[labels.configHash] === work.configHash
}

/** The load that a pod has done and nobody has written down; undefined when there is none. */
async function writeDown(
  deps: Dependencies,
  ref: ModuleRef,
  node: NodeFacts,
  pod: PodFacts | undefined,
): Promise<Seen | undefined> {
  if (pod?.state.kind !== 'succeeded') return undefined
  const said = loaderOutcome(pod.state)
  const result = said.kind === 'result' ? said.result : undefined
  if (result?.action !== 'Load' || result.reason !== undefined || result.bootId !== node.bootId)
    return undefined
  const record = deps.cache.nodeModulesConfig(node.name)
  const { wish, fact } = recordEntries(record, ref)
  const configHash = pod.labels[labels.configHash] ?? ''
  const known = fact?.configHash === configHash && fact.bootId === node.bootId
  if (known || wish === undefined || record?.metadata.uid === undefined) return undefined
  const { config } = commandSchema.parse(JSON.parse(pod.annotations[annotations.workerConfig] ?? ''))
  const target = { name: node.name, uid: record.metadata.uid, seen: {} }
  const { bootId, firmwareHostPath } = result
  return await recordFact(deps, ref, target, {
    ...wish,
    config,
    configHash,
    bootId,
    ...(firmwareHostPath === undefined ? {} : { firmwareHostPath }),
  })
}

/** Of a worker pod's command, what it was to load. */
const commandSchema = z.object({ config: moduleConfigSchema })
