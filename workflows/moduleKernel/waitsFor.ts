import type { KernelStatus } from '../../api/module.ts'
import type { KernelView } from '../../api/kernelView.ts'
import type { BuildPodView } from '../../api/kernelView.ts'
import type { Item } from '../../api/text/markdown.ts'
import { shell } from '../../api/text/shellWord.ts'
import { podWords } from './describeStep.ts'
import { maxReruns } from './endedBuilds.ts'
import { sourceOf } from './known.ts'
import type { RunIdentity } from './describe.ts'
import type { KernelPlan, Step } from './plan.ts'

/** So many nodes of one action are named. */
const namedNodes = 5

type NodeStep = Extract<Step, { kind: 'node' }>

/**
 * What a run waits for that comes by itself, as lines of its page, with the command that shows it. Nodes that are in
 * trouble stand elsewhere on the page.
 */
export function describeWaits(
  run: RunIdentity,
  view: KernelView,
  plan: KernelPlan,
  entry: KernelStatus | undefined,
): readonly Item[] {
  const words = ({ name, source }: Pick<BuildPodView, 'name' | 'source'>) =>
    podWords({ name: `${run.namespace}/${name}`, ...(source && { source }) })
  const end = (pod: Pick<BuildPodView, 'name' | 'source'>): Item => ({
    text: `the end of ${words(pod)}`,
    command: shell`kubectl -n ${run.namespace} logs -f ${pod.name}`,
  })
  const others = plan.steps.flatMap((step): Item[] => {
    switch (step.kind) {
      case 'check':
        return [{ text: `the answer of the registry: is there an image ${step.image}?` }]
      case 'build': {
        const name = entry?.buildPod ?? ''
        const made = view.pods.find((pod) => pod.name === name)
        const planned = { name, ...(step.unsigned && { source: sourceOf(step.unsigned) }) }
        return [made === undefined ? { text: `${words(planned)}, which is to be made` } : end(made)]
      }
      case 'follow':
        return [end(step.pod)]
      case 'remove':
        return [{ text: `the end of ${words(step.pod)}, which is removed` }]
      case 'collect':
        return [{ text: `${step.at}: ${words(step.pod)} is removed then, as job.gcDelay has it` }]
      case 'pause':
        return [{ text: `a pause before it is made again, the ${step.rerun}. of ${maxReruns} times` }]
      case 'await':
      case 'node':
        return []
    }
  })
  return [...others, ...describeNodes(plan)]
}

function describeNodes(plan: KernelPlan): Item[] {
  const begun = plan.steps.filter((step): step is NodeStep => {
    return step.kind === 'node' && step.work.trouble === undefined && step.work.notBefore === undefined
  })
  return [...Map.groupBy(begun, ({ work }) => work.action)].map(([action, steps]) => {
    const names = steps.slice(0, namedNodes).map(({ work }) => work.node)
    const rest = steps.length - names.length
    const text = `${action} on ${steps.length === 1 ? 'node' : 'nodes'} ${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
    return { text }
  })
}
