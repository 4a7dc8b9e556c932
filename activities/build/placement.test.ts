import { expect, test } from 'vitest'
import { builtInTolerations } from '../../api/eligibility.ts'
import type { NodeFacts } from '../../api/facts.ts'
import { resolveMapping } from '../../api/mapping.ts'
import { testKernel, testNode } from '../../api/testCluster.ts'
import { testModule } from '../../api/testModule.ts'
import { placement, type PlacementInput } from './placement.ts'

interface Change {
  readonly selector?: object
  readonly tolerations?: readonly object[]
  readonly nodes?: PlacementInput['nodes']
  readonly nodeSelector?: Readonly<Record<string, string>>
}

function placed({ selector, tolerations, nodes = [], nodeSelector }: Change = {}) {
  const build = { dockerfileConfigMap: { name: 'd' }, ...(selector === undefined ? {} : { selector }) }
  const module = testModule({
    mapping: { build },
    ...(tolerations === undefined ? {} : { spec: { tolerations } }),
  })
  const resolved = resolveMapping(module, testKernel)
  if (resolved.kind !== 'mapped') throw new Error('the test Module has no mapping')
  return placement({ mapping: resolved.mapping, architecture: 'arm64', nodes, nodeSelector })
}

function preferred(change: Change): string[] {
  const terms = placed(change).affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  return terms.map(({ weight, preference }) => {
    const [field] = preference.matchFields ?? []
    expect(field).toMatchObject({ key: 'metadata.name', operator: 'In' })
    return `${field?.values?.join()} ${weight}`
  })
}
const node = (name: string, target = false, change: Partial<NodeFacts> = {}) => ({
  node: testNode({ name, architecture: 'arm64', osImage: 'Debian GNU/Linux 12 (bookworm)', ...change }),
  target,
})

test.each<[string, Change, object]>([
  ['the architecture', {}, { 'kubernetes.io/arch': 'arm64' }],
  ["the operator's", { nodeSelector: { builds: 'yes' } }, { builds: 'yes' }],
  [
    "the Module's before the operator's",
    { selector: { fast: '1' }, nodeSelector: { builds: 'yes' } },
    { fast: '1' },
  ],
  ['{} is anywhere', { selector: {}, nodeSelector: { builds: 'yes' } }, {}],
])('images:BLD-9 selector: %s', (_name, change, selector) => {
  expect(placed(change).nodeSelector).toEqual(selector)
})

test.each<[string, Change]>([
  ['without a selector', {}],
  ['with one', { selector: { fast: '1' } }],
  ['anywhere', { selector: {} }],
])('simulated nodes and other systems than Linux are excluded %s', (_name, change) => {
  expect(placed(change).affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution).toEqual({
    nodeSelectorTerms: [
      {
        matchExpressions: [
          { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] },
          { key: 'type', operator: 'NotIn', values: ['kwok'] },
        ],
      },
    ],
  })
})

test('a build tolerates what its Module tolerates, but for the taint of simulated nodes', () => {
  const own = { key: 'gpu', operator: 'Exists' }
  const kwok = { key: 'kwok.x-k8s.io/node', operator: 'Exists' }
  expect(placed({ tolerations: [own, kwok] }).tolerations).toEqual([own, ...builtInTolerations])
})

test('nodes of the kernel are preferred, those without the module first, in order of names', () => {
  expect(preferred({ nodes: [node('b', true), node('d'), node('a', true), node('c')] })).toEqual([
    'c 100',
    'd 90',
    'a 80',
    'b 70',
  ])
})
test("the targets' distribution and release comes first", () => {
  const nodes = [node('a', false, { osImage: 'Ubuntu 22.04.1 LTS' }), node('b', true)]
  expect(preferred({ nodes })).toEqual(['b 100', 'a 90'])
})
test('at most five are named', () => {
  const nodes = Array.from({ length: 9 }, (_, index) => node(`n${index}`))
  expect(preferred({ nodes })).toEqual(['n0 100', 'n1 90', 'n2 80', 'n3 70', 'n4 60'])
})
test.each<[string, Partial<NodeFacts>, Change]>([
  ['not Ready', { ready: false }, {}],
  ['of another architecture', { architecture: 'amd64' }, {}],
  ['tainted', { taints: [{ key: 'gpu', effect: 'NoSchedule' }] }, {}],
  ['simulated by its label', { labels: { type: 'kwok' } }, {}],
  [
    'simulated by its taint',
    { taints: [{ key: 'kwok.x-k8s.io/node', effect: 'NoSchedule' }] },
    { tolerations: [{ operator: 'Exists' }] },
  ],
])('a node that is %s is not named', (_name, facts, change) => {
  expect(preferred({ ...change, nodes: [node('a', false, facts)] })).toEqual([])
})
test.each<[string, Partial<NodeFacts>, Change]>([
  [
    'with a tolerated taint',
    { taints: [{ key: 'gpu', effect: 'NoSchedule' }] },
    { tolerations: [{ key: 'gpu', operator: 'Exists' }] },
  ],
  ['with a taint that is a wish', { taints: [{ key: 'gpu', effect: 'PreferNoSchedule' }] }, {}],
])('a node %s is named', (_name, facts, change) => {
  expect(preferred({ ...change, nodes: [node('a', false, facts)] })).toEqual(['a 100'])
})
test.each<[string, Change]>([
  ["the Module's", { selector: { fast: '1' } }],
  ['{}', { selector: {} }],
  ["the operator's", { nodeSelector: { builds: 'yes' } }],
])('a selector leaves the choice to the scheduler: %s', (_name, change) => {
  expect(preferred({ ...change, nodes: [node('a')] })).toEqual([])
})
