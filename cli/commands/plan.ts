import { shell } from '../../api/text/shellWord.ts'
import { usageError } from '../args/parse.ts'
import type { Call } from '../call.ts'
import { readWith, type Gap } from '../cluster/read.ts'
import { tellGaps } from '../cluster/tellGaps.ts'
import { exitCodes } from '../exitCodes.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { readManifests, refOf } from '../manifests.ts'
import {
  planModule,
  type BuildPlan,
  type ImagePlan,
  type NodePlanReport,
  type PlanReport,
} from './planReport.ts'

/** `kubectl kmod plan -f FILE` */
export async function plan(call: Call) {
  const file = call.flag('filename')
  if (file === undefined) throw usageError({ name: 'plan' }, '-f FILE is missing')
  const { modules, configMaps } = await readManifests(file, () => call.namespace)
  const plans: PlanReport[] = []
  const gaps: Gap[] = []
  for (const module of modules) {
    const ref = refOf(module)
    const stored = await call.cluster.get<StoredObject>(kinds.modules, ref)
    const named = [...(stored === undefined ? [] : [stored]), module as unknown as StoredObject]
    const read = await readWith(call.cluster, named, ref.namespace)
    // The file's own Module was only read for the ConfigMaps that it names.
    const objects = {
      ...read.objects,
      modules: read.objects.modules.filter((object) => object !== named.at(-1)),
    }
    plans.push(planModule(objects, module, configMaps))
    gaps.push(...read.gaps)
  }
  call.print({ plans }, () => plans.map((report) => planText(report, call.format === 'wide')).join('\n\n'))
  tellGaps(call, gaps)
  const invalid = plans.some(
    ({ faults, kernels }) => faults.length > 0 || kernels.some(({ image }) => image.kind === 'invalid'),
  )
  return invalid ? exitCodes.no : exitCodes.ok
}

const changes = { new: 'is new', changed: 'changes', same: 'is as it is stored' } as const

function planText({ module, change, faults, kernels }: PlanReport, wide: boolean): string {
  const lines = kernels.flatMap(({ kernel, image, nodes }) => [
    `  Kernel ${kernel}`,
    ...imageLines(image, wide).map((line) => `    ${line}`),
    ...nodeLines(nodes).map((line) => `    ${line}`),
  ])
  return [
    `Module ${module} ${changes[change]}`,
    ...faults.map((fault) => `  wrong: ${fault}`),
    ...(lines.length === 0 ? ['  no node matches its selector and taints: nothing would happen'] : lines),
  ].join('\n')
}

function imageLines(image: ImagePlan, wide: boolean): string[] {
  switch (image.kind) {
    case 'known':
      return [`image    ${image.image}: known, ${image.digest}`]
    case 'invalid':
      return [`wrong    ${image.reason}: ${image.message}`]
    case 'none':
      return [`image    none (${image.why})`]
    case 'lookUp': {
      const { build, sign, fault } = image
      const otherwise =
        build !== undefined
          ? [
              `build    ${buildWords(build)}`,
              ...(wide
                ? build.arguments.map((argument) => `${' '.repeat(9)}${shell`--build-arg ${argument}`}`)
                : []),
            ]
          : sign === undefined || fault !== undefined
            ? [`build    ${fault ?? 'none: if it is not there, ImageMissing'}`]
            : []
      const signed = sign === undefined ? [] : [`sign     ${sign.image}: ${buildWords(sign)}`]
      return [`image    ${image.image}: the registry is asked`, ...otherwise, ...signed]
    }
  }
}

function buildWords({ pod, inputHash, standing }: Pick<BuildPlan, 'pod' | 'inputHash' | 'standing'>): string {
  const inputs = `from inputs ${inputHash.slice(0, 8)}`
  switch (standing?.kind) {
    case undefined:
      return `if it is not there, in pod ${pod} ${inputs}`
    case 'underWay':
      return `under way in pod ${pod} ${inputs}`
    case 'held':
      return `held, because inputs ${inputHash.slice(0, 8)} have failed (${standing.reason}): a retry builds them in pod ${pod}`
    case 'rival': {
      const end =
        standing.inputs === 'same'
          ? 'it is waited for'
          : 'held, because its inputs are others (ImageContested)'
      return `${standing.of} builds the same image: ${end}`
    }
  }
}

function nodeLines(nodes: readonly NodePlanReport[]): string[] {
  const groups = Map.groupBy(nodes, ({ action, says }) => `${action}\n${says ?? ''}`)
  return [...groups.values()].map((group) => {
    const [first] = group
    const says = first?.says === undefined ? '' : ` (${first.says})`
    const names = group.map(({ node }) => node).join(', ')
    return `${(first?.action ?? '').padEnd(8)} ${group.length}: ${names}${says}`
  })
}
