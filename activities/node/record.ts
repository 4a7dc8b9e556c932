import { ApplicationFailure } from '@temporalio/common'
import type { NodeFacts } from '../../api/facts.ts'
import {
  apiVersion,
  moduleConfiguredLabel,
  moduleInUseLabel,
  moduleKey,
  type ModuleRef,
} from '../../api/names.ts'
import type { ModuleEntry, ModuleStatusEntry } from '../../api/nodeModulesConfig.ts'
import type { Seen } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import type { CustomObject } from '../kube/resources.ts'

/** Each Module has its own field manager in the records of nodes, so Modules never disturb each other. */
function fieldManager(ref: ModuleRef): string {
  return `kmm:${moduleKey(ref)}`.slice(0, 128)
}

/** The record a write went to. */
export interface RecordRef {
  readonly name: string
  readonly uid: string
  readonly seen: Seen
}

/**
 * Writes down what a node shall have, before anything is made for it. The record is created with its Node as owner,
 * so it goes with the Node (nodes:NMC-3).
 */
export async function recordWish(
  deps: Dependencies,
  ref: ModuleRef,
  node: NodeFacts,
  entry: ModuleEntry,
): Promise<RecordRef> {
  const labels = { [moduleConfiguredLabel(ref)]: '', [moduleInUseLabel(ref)]: '' }
  const metadata = { name: node.name, labels, ownerReferences: ownedBy(node) }
  const body = { apiVersion, kind: 'NodeModulesConfig', metadata, spec: { modules: [entry] } }
  const options = { fieldManager: fieldManager(ref), force: true }
  const written = await deps.kube.applyObject<CustomObject>(body, options)
  if (written.kind === 'written') return recordRef(written.object)
  throw ApplicationFailure.retryable(`The record of node ${node.name} changed meanwhile.`, 'KubeConflict')
}

/** The record of a node as the cache has it. */
export function recordRefOf(deps: Dependencies, node: NodeFacts): RecordRef | undefined {
  const metadata = deps.cache.nodeModulesConfig(node.name)?.metadata
  return metadata?.uid === undefined ? undefined : { name: metadata.name, uid: metadata.uid, seen: {} }
}

function ownedBy({ name, uid }: NodeFacts) {
  return [{ apiVersion: 'v1', kind: 'Node', name, uid }]
}

/** Writes down what a node has of a Module; without an entry, that it has nothing. Never creates the record. */
export async function recordFact(
  deps: Dependencies,
  ref: ModuleRef,
  record: RecordRef,
  entry: ModuleStatusEntry | undefined,
): Promise<Seen> {
  const { name, uid } = record
  const status = { modules: entry === undefined ? [] : [entry] }
  const body = { apiVersion, kind: 'NodeModulesConfig', metadata: { name, uid }, status }
  return await apply(deps, ref, body, { subresource: 'status' })
}

/** Takes a Module out of a node's record altogether. The record itself stays, and stays the Node's (nodes:NMC-4). */
export async function forget(
  deps: Dependencies,
  ref: ModuleRef,
  node: NodeFacts,
  record: RecordRef,
): Promise<Seen> {
  await recordFact(deps, ref, record, undefined)
  return await withdrawWish(deps, ref, node, record)
}

/**
 * Writes down that a module was given up on a node: nobody wishes it any more, and the fact stays, with the label that
 * says so (nodes:DEL-5).
 */
export async function recordLeft(
  deps: Dependencies,
  ref: ModuleRef,
  node: NodeFacts,
  record: RecordRef,
  fact: ModuleStatusEntry,
): Promise<Seen> {
  await recordFact(deps, ref, record, fact)
  return await withdrawWish(deps, ref, node, record, { [moduleInUseLabel(ref)]: '' })
}

/** Nothing is wished for any more; of the Module's labels on the record, `labels` stay. */
async function withdrawWish(
  deps: Dependencies,
  ref: ModuleRef,
  node: NodeFacts,
  { name, uid }: RecordRef,
  labels: Readonly<Record<string, string>> = {},
): Promise<Seen> {
  const metadata = { name, uid, labels, ownerReferences: ownedBy(node) }
  const body = { apiVersion, kind: 'NodeModulesConfig', metadata, spec: { modules: [] } }
  return await apply(deps, ref, body, {})
}

async function apply(
  deps: Dependencies,
  ref: ModuleRef,
  body: Parameters<Dependencies['kube']['applyObject']>[0],
  options: { subresource?: 'status' },
): Promise<Seen> {
  const written = await deps.kube.applyObject<CustomObject>(body, {
    ...options,
    fieldManager: fieldManager(ref),
    force: true,
  })
  return written.kind === 'written' ? recordRef(written.object).seen : {}
}

function recordRef({ metadata }: CustomObject): RecordRef {
  return { name: metadata.name, uid: metadata.uid, seen: { NodeModulesConfig: metadata.resourceVersion } }
}
