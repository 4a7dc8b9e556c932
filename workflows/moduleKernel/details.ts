import type { KernelStatus } from '../../api/module.ts'
import { annotations } from '../../api/names.ts'
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
  ].filter(([, value]) => value !== undefined)
  const lines = [
    `### Module ${run.namespace}/${run.name}, kernel ${run.kernel}`,
    '',
    ...facts.map(([name, value]) => `- **${name}**: ${value}`),
    ...plan.holds.flatMap((hold) => describeHold(run, view, hold)),
    ...describeErrors(entry),
  ]
  if (plan.holds.length === 0 && entry?.message !== undefined) lines.push(...describeWait(run, entry))
  if (entry?.phase === 'Cancelled') lines.push('', '```sh', retryCommand(run), '```')
  const waits = describeWaits(run, view, plan, entry).map((line) => `- ${line}`)
  if (waits.length > 0) lines.push('', '#### Waits for', ...waits)
  return [...lines, ...describeTroubles(view)].join('\n')
}

/** Is the last pod that status knows one that signs? */
function isOfSigning({ wish }: KernelView, entry: KernelStatus | undefined): boolean {
  if (wish.kind !== 'wanted' || wish.unsigned === undefined || wish.build.kind !== 'ready') return false
  return entry?.inputHash === wish.build.inputHash
}

/** Of what a step waits for, and what a person does about it if anybody has to. */
function describeWait(run: RunIdentity, entry: KernelStatus): string[] {
  const says = entry.reason === buildQueued ? inTheQueue : (entry.message ?? '')
  const remedy = remedyOf(run, entry)
  const lines = ['', `**${entry.reason}**: ${says}`]
  return remedy === undefined ? lines : [...lines, ...describeRemedy(remedy.unblock, remedy.commands)]
}

function describeRemedy(unblock: string, commands: readonly string[]): string[] {
  const block = commands.length === 0 ? [] : ['', '```sh', ...commands, '```']
  return ['', `**What unblocks it**: ${unblock}`, ...block]
}

/** The place in the queue stands in status alone: it changes with each build of the cluster. */
const inTheQueue =
  "Other builds are before it. How many, and what helps, the Module's status says; its turn comes by itself."

/** So many nodes are listed that are tried again by themselves. */
const listedNodes = 20

function describeTroubles(view: KernelView): string[] {
  const all = troubles(view.nodes)
  if (all.length === 0) return []
  const lines = all.slice(0, listedNodes).map((t) => `- **${t.node}**: ${t.reason}: ${t.message}`)
  const rest = all.length > listedNodes ? [`- and ${all.length - listedNodes} more`] : []
  return ['', '#### Nodes that wait', ...lines, ...rest]
}

function describeHold(run: RunIdentity, { pods }: KernelView, hold: Hold): string[] {
  const looked = hold.look.kind === 'image' ? hold.look.pod : undefined
  const signs = pods.some(({ uid, source }) => source !== undefined && uid === looked?.uid)
  const commands = looked === undefined ? [] : podCommands(run, looked.name, signs)
  const signal = `temporal workflow signal --workflow-id '${run.workflowId}' --name retryBuild`
  return [
    '',
    `#### Waits: ${hold.reason}`,
    hold.message,
    ...describeRemedy(hold.unblock, [...commands, retryCommand(run), signal]),
  ]
}

/** It works also when the run has ended. */
function retryCommand({ namespace, name, kernel }: RunIdentity): string {
  return `kubectl -n ${namespace} annotate module ${name} ${annotations.retryBuild}='${kernel}'`
}

/** What stands out in the failed build's log; the query `buildLog` has more of it. */
function describeErrors(entry: KernelStatus | undefined): string[] {
  const { errorLines = '', phase } = entry ?? {}
  if (errorLines === '') return []
  // Longer than any fence that the build printed.
  const longest = Math.max(2, ...(errorLines.match(/`+/g) ?? []).map(({ length }) => length))
  const fence = '`'.repeat(longest + 1)
  return ['', `#### What the ${phase === 'SignFailed' ? 'signing' : 'build'} said`, fence, errorLines, fence]
}

/** What fails while a pod signs, does so before its last container begins. */
function podCommands(run: RunIdentity, pod: string, signs: boolean): string[] {
  const all = signs ? ' --all-containers' : ''
  return [`kubectl -n ${run.namespace} logs ${pod}${all}`, `kubectl -n ${run.namespace} delete pod ${pod}`]
}
