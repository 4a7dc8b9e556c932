import type { KernelStatus } from '../../api/module.ts'
import { help } from '../../api/commandsThatHelp.ts'
import { renderMarkdown, type Block, type Item } from '../../api/text/markdown.ts'
import { shell } from '../../api/text/shellWord.ts'
import { buildQueued } from '../../api/buildQueue.ts'
import { remedyOf } from '../../api/remedies.ts'
import type { KernelView } from '../../api/kernelView.ts'
import type { RunIdentity } from './describe.ts'
import type { Hold, KernelPlan } from './plan.ts'
import { troubles } from './troubles.ts'
import { describeWaits } from './waitsFor.ts'

/** The Markdown page of a run in the Temporal UI: what it does, what it waits for, what unblocks it. */
export function describeDetails(
  run: RunIdentity,
  view: KernelView,
  entry: KernelStatus | undefined,
  plan: KernelPlan,
): string {
  const { counts } = view.nodes
  const facts = [
    ['Phase', entry?.phase ?? 'nothing left to do'],
    ['Image', entry?.image],
    ['Digest', entry?.digest],
    ['Unsigned image', entry?.unsigned?.image],
    [
      isOfSigning(view, entry) ? 'Sign pod' : 'Build pod',
      entry?.buildPod && `${run.namespace}/${entry.buildPod} (attempt ${entry.attempt ?? 1})`,
    ],
    [
      'Ended by the cluster',
      entry?.interruptions?.map((i) => `attempt ${i.attempt} (${i.reason})`).join(', '),
    ],
    [
      'Nodes',
      `${counts.loaded} of ${counts.targets} loaded, ${counts.failed} failed, ${counts.unreachable} unreachable`,
    ],
  ].flatMap(([label = '', text]) => (text === undefined ? [] : [{ label, text }]))
  const waits = describeWaits(run, view, plan, entry)
  return renderMarkdown([
    { kind: 'heading', level: 3, text: `Module ${run.namespace}/${run.name}, kernel ${run.kernel}` },
    { kind: 'list', items: facts },
    ...plan.holds.flatMap((hold) => describeHold(run, view, hold)),
    ...describeErrors(entry),
    ...(plan.holds.length === 0 && entry?.message !== undefined ? describeWait(run, entry) : []),
    ...(entry?.phase === 'Cancelled' ? [shellBlock([retryCommand(run)])] : []),
    ...listUnder('Waits for', waits),
    ...listUnder('Nodes that wait', describeTroubles(view)),
  ])
}

function shellBlock(lines: readonly string[]): Block {
  return { kind: 'code', language: 'sh', lines }
}

function listUnder(text: string, items: readonly Item[]): Block[] {
  return items.length === 0
    ? []
    : [
        { kind: 'heading', level: 4, text },
        { kind: 'list', items },
      ]
}

/** Is the last pod that status knows one that signs? */
function isOfSigning({ wish }: KernelView, entry: KernelStatus | undefined): boolean {
  if (wish.kind !== 'wanted' || wish.unsigned === undefined || wish.build.kind !== 'ready') return false
  return entry?.inputHash === wish.build.inputHash
}

/** Of what a step waits for, and what a person does about it if anybody has to. */
function describeWait(run: RunIdentity, entry: KernelStatus): Block[] {
  const text = entry.reason === buildQueued ? inTheQueue : (entry.message ?? '')
  const remedy = remedyOf(run, entry)
  const wait: Block = { kind: 'text', label: `${entry.reason}`, text }
  return remedy === undefined ? [wait] : [wait, ...describeRemedy(remedy.unblock, remedy.commands)]
}

function describeRemedy(unblock: string, commands: readonly string[]): Block[] {
  const text: Block = { kind: 'text', label: 'What unblocks it', text: unblock }
  return commands.length === 0 ? [text] : [text, shellBlock(commands)]
}

/** The place in the queue stands in status alone: it changes with each build of the cluster. */
const inTheQueue =
  "Other builds are before it. How many, and what helps, the Module's status says; its turn comes by itself."

/** So many nodes are listed that are tried again by themselves. */
const listedNodes = 20

function describeTroubles(view: KernelView): Item[] {
  const all = troubles(view.nodes)
  const rest = all.length > listedNodes ? [{ text: `and ${all.length - listedNodes} more` }] : []
  return [
    ...all.slice(0, listedNodes).map((t) => ({ label: t.node, text: `${t.reason}: ${t.message}` })),
    ...rest,
  ]
}

function describeHold(run: RunIdentity, { pods }: KernelView, hold: Hold): Block[] {
  const looked = hold.look.kind === 'image' ? hold.look.pod : undefined
  const signs = pods.some(({ uid, source }) => source !== undefined && uid === looked?.uid)
  const commands = looked === undefined ? [] : podCommands(run, looked.name, signs)
  const signal = shell`temporal workflow signal --workflow-id ${run.workflowId} --name retryBuild`
  return [
    { kind: 'heading', level: 4, text: `Waits: ${hold.reason}` },
    { kind: 'text', text: hold.message },
    ...describeRemedy(hold.unblock, [...commands, retryCommand(run), signal]),
  ]
}

/** It works also when the run has ended. */
function retryCommand(run: RunIdentity): string {
  return help.annotateRetry(run, run.kernel)
}

/** What stands out in the failed build's log; the query `buildLog` has more of it. */
function describeErrors(entry: KernelStatus | undefined): Block[] {
  const { errorLines = '', phase } = entry ?? {}
  if (errorLines === '') return []
  const text = `What the ${phase === 'SignFailed' ? 'signing' : 'build'} said`
  return [
    { kind: 'heading', level: 4, text },
    { kind: 'code', language: '', lines: [errorLines] },
  ]
}

/** What fails while a pod signs, does so before its last container begins. */
function podCommands({ namespace }: RunIdentity, pod: string, signs: boolean): string[] {
  const logs = shell`kubectl -n ${namespace} logs ${pod}`
  return [signs ? `${logs} --all-containers` : logs, shell`kubectl -n ${namespace} delete pod ${pod}`]
}
