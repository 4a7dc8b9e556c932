import type { ClusterSnapshot } from '../../api/facts.ts'
import { storedModule } from '../../api/facts.ts'
import type { Condition, KernelStatus } from '../../api/module.ts'
import { isSignPodName, moduleKey, type ModuleRef } from '../../api/names.ts'
import { warningTypes } from '../../api/warnings.ts'
import { reportNode, type NodeReport } from '../cluster/nodeWords.ts'
import { seeKernels, type SeenKernel } from '../cluster/views.ts'
import { since } from '../output/elapsed.ts'
import type { Style } from '../output/style.ts'
import { drawTree, type Branch } from '../output/tree.ts'

/** One Module with everything that is seen of it. */
export interface StatusReport {
  readonly namespace: string
  readonly name: string
  readonly deleting: boolean
  readonly conditions: readonly Condition[]
  readonly kernels: readonly KernelReport[]
}

export interface KernelReport {
  readonly kernel: string
  readonly phase: string
  readonly since: string | undefined
  readonly reason: string | undefined
  readonly message: string | undefined
  readonly image: string | undefined
  readonly digest: string | undefined
  readonly build: BuildReport | undefined
  readonly workflowId: string | undefined
  readonly runId: string | undefined
  readonly nodes: readonly NodeReport[]
}

export interface BuildReport {
  readonly pod: string
  readonly attempt: number
  readonly state: 'active' | 'succeeded' | 'failed' | 'lost' | 'gone'
  /** It signs. */
  readonly signs?: true
  readonly errorLines: string | undefined
}

/** From the same views as the operator's runs; undefined when the Module is gone. */
export function reportStatus(cluster: ClusterSnapshot, ref: ModuleRef): StatusReport | undefined {
  const module = storedModule(cluster, ref)
  if (module === undefined) return undefined
  return {
    ...ref,
    deleting: module.metadata.deletionTimestamp !== undefined,
    conditions: module.status?.conditions ?? [],
    kernels: seeKernels(cluster, ref).map(reportKernel),
  }
}

function reportKernel({ kernel, view, nodes }: SeenKernel): KernelReport {
  const { stored, wish } = view
  return {
    kernel,
    phase: stored?.phase ?? 'Pending',
    since: stored?.since,
    reason: stored?.reason,
    message: stored?.message,
    image: wish.kind === 'wanted' ? wish.image : stored?.image,
    digest: view.digest,
    build: buildOf(stored, view.pods),
    workflowId: stored?.workflowId,
    runId: stored?.runId,
    nodes: nodes.map(reportNode),
  }
}

/** The pod that is there now, else the last one that status knows. */
function buildOf(
  stored: KernelStatus | undefined,
  pods: SeenKernel['view']['pods'],
): BuildReport | undefined {
  const errorLines = stored?.errorLines
  // The one that status names; of a build that is collected later and its signing, the signing.
  const rank = ({ name, source }: SeenKernel['view']['pods'][number]) =>
    name === stored?.buildPod ? 2 : Number(source !== undefined)
  const newest = pods.toSorted((a, b) => rank(b) - rank(a) || b.attempt - a.attempt)[0]
  if (newest !== undefined) {
    const { name: pod, attempt, state, source } = newest
    return {
      pod,
      attempt,
      state,
      ...(source && { signs: true as const }),
      errorLines: state === 'failed' ? errorLines : undefined,
    }
  }
  const { buildPod: pod, attempt = 1 } = stored ?? {}
  if (pod === undefined) return undefined
  return { pod, attempt, state: 'gone', ...(isSignPodName(pod) && { signs: true as const }), errorLines }
}

/** The tree for people; `now` in milliseconds since 1970. */
export function statusTree(
  report: StatusReport,
  { style, now, wide }: { readonly style: Style; readonly now: number; readonly wide: boolean },
): string {
  const ready = report.conditions.find(({ type }) => type === 'Ready')
  const verdict =
    ready === undefined
      ? style.waiting('not looked at yet')
      : `${ready.status === 'True' ? style.good('Ready') : style.bad('not Ready')}: ${ready.reason}`
  const age = style.faint(since(ready?.lastTransitionTime, now))
  const line = `${style.strong(`Module ${moduleKey(report)}`)}  ${verdict}  ${age}`.trimEnd()
  const below = report.kernels.map((kernel) => kernelBranch(kernel, { style, now, wide }))
  const none = { line: style.faint('no kernel concerns it: no node matches its selector') }
  const warnings = report.conditions
    .filter(({ type, status }) => warningTypes.includes(type) && status === 'True')
    .map(({ type, message }) => ({ line: `${style.waiting(type)}: ${message}` }))
  return drawTree({ line, below: [...warnings, ...(below.length === 0 ? [none] : below)] })
}

type Drawing = Parameters<typeof statusTree>[1]

function kernelBranch(report: KernelReport, drawing: Drawing): Branch {
  const { style, now } = drawing
  const { kernel, phase, message, reason } = report
  const phaseText =
    phase === 'Loaded' ? style.good(phase) : isStuck(phase) ? style.bad(phase) : style.waiting(phase)
  const why = message === undefined ? [] : [{ line: `${style.strong(reason ?? phase)}: ${message}` }]
  return {
    line: `Kernel ${kernel}  ${phaseText}  ${style.faint(since(report.since, now))}`.trimEnd(),
    below: [
      ...why,
      ...imageBranch(report, style),
      ...buildBranch(report, style),
      nodesBranch(report, drawing),
    ],
  }
}

function isStuck(phase: string): boolean {
  return ['BuildFailed', 'SignFailed', 'LoadFailed', 'InputInvalid', 'Cancelled'].includes(phase)
}

function imageBranch({ image, digest }: KernelReport, style: Style): Branch[] {
  if (image === undefined) return []
  const known = digest === undefined ? style.waiting('not verified') : style.faint(digest)
  return [{ line: `image  ${image}  ${known}` }]
}

function buildBranch({ build }: KernelReport, style: Style): Branch[] {
  if (build === undefined) return []
  const { pod, attempt, state, signs, errorLines } = build
  const words = {
    active: 'runs',
    succeeded: 'succeeded',
    failed: 'failed',
    lost: 'lost with its node',
    gone: 'ended',
  }
  const text = state === 'failed' ? style.bad(words[state]) : words[state]
  const lines = errorLines === undefined ? [] : [{ line: style.faint(errorLines.trimEnd()) }]
  return [{ line: `${signs ? 'sign ' : 'build'}  attempt ${attempt} in pod ${pod} ${text}`, below: lines }]
}

/** So many nodes that are as they should be are named one by one. */
const namedNodes = 5

function nodesBranch({ nodes }: KernelReport, { style, wide }: Drawing): Branch {
  const loaded = nodes.filter(({ state }) => state === 'loaded')
  const others = nodes.filter(({ state }) => state !== 'loaded')
  const named = wide || loaded.length <= namedNodes ? loaded : []
  const rest = loaded.length - named.length
  return {
    line: `nodes  ${loaded.length} of ${nodes.length} loaded`,
    below: [
      ...others.map(({ node, state, says }) => ({
        line: `${node}  ${state === 'failed' ? style.bad(says) : style.waiting(says)}`,
      })),
      ...named.map(({ node, says }) => ({ line: `${node}  ${style.good(says)}` })),
      ...(rest === 0 ? [] : [{ line: style.faint(`and ${rest} more loaded (-o wide names them)`) }]),
    ],
  }
}
