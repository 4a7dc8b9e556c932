import { moduleKey } from '../../api/names.ts'
import { seeKernels, type SeenKernel, type SeenNode } from '../cluster/views.ts'
import type { ModuleFacts } from './facts.ts'
import type { Check, Finding } from './finding.ts'
import { kernelChecks } from './kernelChecks.ts'
import { moduleChecks } from './moduleChecks.ts'
import { nodeChecks } from './nodeChecks.ts'

export type NamedFinding = Finding & { readonly check: string }

/** The checks of the Module, of one kernel, or of one node of it, as far as they came. */
export interface Section {
  readonly title: string
  readonly kernel?: string
  readonly node?: string
  /** Of so many nodes of the kernel this one stands for. */
  readonly ofNodes?: number
  readonly findings: readonly NamedFinding[]
}

/** Why a Module is not loaded. */
export interface WhyReport {
  readonly module: string
  readonly verdict: 'loaded' | 'fails' | 'waits' | 'nothing' | 'unknown'
  /** What fails first; else what is waited for. */
  readonly first?: NamedFinding & { readonly where: string }
  readonly sections: readonly Section[]
}

/** Runs the whole checklist. */
export function explain(facts: ModuleFacts): WhyReport {
  const whole: Section = {
    title: `Module ${moduleKey(facts.ref)}`,
    findings: runChecks(moduleChecks, facts),
  }
  const stopped = whole.findings.some(
    ({ check, state }) => state === 'fails' && ['definition', 'selector', 'taints'].includes(check),
  )
  const kernels = seeKernels(facts.cluster, facts.ref)
    .map((seen) => withNode(seen, facts.node))
    .filter(({ view, nodes }) => nodes.length > 0 || (facts.node === undefined && concerns(view)))
  const below = stopped ? [] : kernels.flatMap((seen) => kernelSections(facts, seen))
  const sections = [whole, ...below]
  const first = firstOf(sections, 'fails') ?? firstOf(sections, 'waits')
  return {
    module: moduleKey(facts.ref),
    verdict: verdictOf(first, facts, below),
    ...(first === undefined ? {} : { first }),
    sections,
  }
}

function verdictOf(
  first: WhyReport['first'],
  facts: ModuleFacts,
  below: readonly Section[],
): WhyReport['verdict'] {
  if (first?.state === 'fails') return 'fails'
  if (first !== undefined) return 'waits'
  if (facts.gaps.has('nodes') || facts.gaps.has('nodeModulesConfigs')) return 'unknown'
  return below.some(({ findings }) =>
    findings.some(({ check, state }) => check === 'loaded' && state === 'ok'),
  )
    ? 'loaded'
    : 'nothing'
}

/** Looks until something fails or has to be waited for. */
export function runChecks<Facts>(checks: readonly Check<Facts>[], facts: Facts): NamedFinding[] {
  const found: NamedFinding[] = []
  for (const { name, look, goesOn } of checks) {
    const finding = look(facts)
    found.push({ check: name, ...finding })
    if (isStop(finding) && goesOn !== true) break
  }
  return found
}

function isStop({ state }: Finding): boolean {
  return state === 'fails' || state === 'waits'
}

function withNode(seen: SeenKernel, node: string | undefined): SeenKernel {
  return node === undefined ? seen : { ...seen, nodes: seen.nodes.filter((n) => n.node.name === node) }
}

/** Is anything wanted for this kernel, though no node of it has work? */
function concerns({ wish, pods }: SeenKernel['view']): boolean {
  return wish.kind !== 'none' || wish.why === 'NoMapping' || pods.length > 0
}

function kernelSections(facts: ModuleFacts, seen: SeenKernel): Section[] {
  const { kernel, nodes } = seen
  const findings = runChecks(kernelChecks, { ...facts, seen })
  const image: Section = { title: `Kernel ${kernel}`, kernel, findings }
  const planned = worstOf(nodes)
  // A node that only waits for the image has nothing of its own to tell.
  if (planned === undefined || (findings.some(isStop) && !actsNow(planned))) return [image]
  const { name } = planned.node
  const node: Section = {
    title: nodes.length === 1 ? `Node ${name}` : `Node ${name} (of ${nodes.length} with this kernel)`,
    kernel,
    node: name,
    ofNodes: nodes.length,
    findings: runChecks(nodeChecks, { ...facts, seen, planned }),
  }
  return [image, node]
}

function actsNow({ plan }: SeenNode): boolean {
  return plan.kind === 'failed' || plan.kind === 'work' || plan.kind === 'follow'
}

const ranks: readonly SeenNode['plan']['kind'][] = [
  'failed',
  'leave',
  'work',
  'settle',
  'follow',
  'unreachable',
  'waiting',
  'tidy',
  'idle',
  'loaded',
]

/** The node that is furthest from being loaded; of two that fail, the one that waits for a person. */
function worstOf(nodes: readonly SeenNode[]): SeenNode | undefined {
  const rank = ({ plan }: SeenNode): number => {
    const isStuck = plan.kind === 'work' && plan.work.trouble !== undefined
    const isHeld = plan.kind === 'failed' && plan.failure.retryAt === undefined
    return isHeld ? -2 : isStuck ? -1 : ranks.indexOf(plan.kind)
  }
  return nodes.toSorted((a, b) => rank(a) - rank(b))[0]
}

function firstOf(sections: readonly Section[], state: Finding['state']): WhyReport['first'] {
  for (const { title, findings } of sections) {
    const found = findings.find((finding) => finding.state === state)
    if (found !== undefined) return { ...found, where: title }
  }
  return undefined
}
