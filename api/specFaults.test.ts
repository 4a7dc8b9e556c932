import { describe, expect, test } from 'vitest'
import { checkMappings, resolveMapping } from './mapping.ts'
import type { Condition } from './module.ts'
import {
  guardedModule,
  testCluster,
  testConfig,
  testKernel,
  testNode,
  testRecord,
  testRef,
  unreadableModule,
  type TestCluster,
} from './testCluster.ts'
import { testModule } from './testModule.ts'
import { viewModule } from './viewModule.ts'

const now = '2026-02-02T00:00:00Z'
const mapping = 'spec.moduleLoader.container.kernelMappings'

function conditions(things: TestCluster): Record<string, string> {
  const { summary } = viewModule(testCluster(things), testRef, now)
  return Object.fromEntries(
    (summary?.conditions ?? []).map(({ type, status, reason }: Condition) => [type, `${status} ${reason}`]),
  )
}
const messageOf = (things: TestCluster, type: string) =>
  viewModule(testCluster(things), testRef, now).summary?.conditions.find((c) => c.type === type)?.message

describe('what only the operator can check of a mapping is known at once', () => {
  const image = 'reg.example/a:1'
  const build = { dockerfileConfigMap: { name: 'd' } }
  const sign = { keySecret: { name: 'k' }, certSecret: { name: 'c' }, filesToSign: ['/opt/$KERNEL_Q.ko'] }
  test.each<[string, object, string, string]>([
    ['images:MAP-8 an unknown variable', { containerImage: 'a:$TYPO' }, 'TemplateInvalid', 'containerImage'],
    ['an unclosed brace', { containerImage: 'a:${KERNEL_X' }, 'TemplateInvalid', 'containerImage'],
    ['a variable in files to sign', { sign, build }, 'TemplateInvalid', 'sign.filesToSign'],
    [
      'images:VAL-8 an image reference',
      { containerImage: 'Reg/A:1' },
      'ImageReferenceInvalid',
      'containerImage',
    ],
    [
      'the tag of a stored Module',
      { containerImage: 'reg:5000/a' },
      'ImageReferenceInvalid',
      'containerImage',
    ],
    ['an expression, stored before the rule', { regexp: '(' }, 'RegexpInvalid', 'regexp'],
    ['a kernel of two parts', { literal: '6.1', regexp: '' }, 'KernelVersionInvalid', ''],
  ])('%s', (_name, change, reason, field) => {
    const second = { regexp: '^6', containerImage: image, ...change }
    const module = testModule({ mappings: [{ regexp: '^5', containerImage: image }, second] })
    const at = field === '' ? `${mapping}[1]` : `${mapping}[1].${field}`
    expect(checkMappings(module)).toEqual([
      { kind: 'invalid', reason, field: at, message: expect.stringContaining(`${at}: `) },
    ])
    expect(conditions({ modules: [module], nodes: [] })).toEqual({
      Ready: `False ${reason}`,
      ImagesReady: `False ${reason}`,
      Progressing: 'False AtRest',
      Degraded: `True ${reason}`,
    })
  })

  test('every mapping at fault is told, and others load', () => {
    const good = { regexp: '^6', containerImage: image }
    const digest = `sha256:${'1'.repeat(64)}`
    const module = guardedModule(
      { mappings: [good, { ...good, regexp: '^4', containerImage: 'a:$X' }, { ...good, regexp: '(' }] },
      { status: { kernels: [{ kernel: testKernel, phase: 'Loaded', image, digest }] } },
    )
    const config = testConfig({ containerImage: `${image}@${digest}` })
    const records = [testRecord(config, { config, bootId: 'b1' })]
    expect(conditions({ modules: [module], records })).toMatchObject({
      Ready: 'True Loaded',
      Degraded: 'True TemplateInvalid',
    })
    const message = messageOf({ modules: [module] }, 'Degraded')
    expect(message).toContain(`${mapping}[1].containerImage: unknown variable X`)
    expect(message).toContain(`${mapping}[2].regexp: `)
  })

  test('a rule that a stored mapping breaks stops its kernels only', () => {
    const both = { regexp: '^6', literal: '5.1.0', containerImage: image }
    const module = testModule({ mappings: [both, { regexp: '.', containerImage: image }] })
    const invalid = { kind: 'invalid', reason: 'MappingInvalid', field: `${mapping}[0]` }
    expect(resolveMapping(module, '6.1.0')).toMatchObject(invalid)
    expect(resolveMapping(module, '4.1.0')).toMatchObject({ kind: 'mapped' })
    expect(checkMappings(module)).toMatchObject([invalid])
  })

  test('nothing is wrong with a good one, nor said of one that is deleted', () => {
    expect(checkMappings(testModule())).toEqual([])
    const bad = guardedModule({ mapping: { containerImage: 'a:$X' } }, { deleting: true })
    expect(conditions({ modules: [bad], nodes: [] })).toMatchObject({ Degraded: 'False AsExpected' })
  })
})

describe('a Module that cannot be read', () => {
  const faults = [
    { field: 'spec.selector', message: 'is missing' },
    { field: `${mapping}[0].sign.filesToSign`, message: 'is missing' },
  ]
  const records = [testRecord(testConfig(), { config: testConfig(), bootId: testNode().bootId })]
  const module = unreadableModule({
    faults,
    status: { moduleLoader: { nodesMatchingSelectorNumber: 7, desiredNumber: 0, availableNumber: 0 } },
  })

  test('says all that is wrong, and still counts the nodes that have it', () => {
    const things = { unreadable: [module], records }
    expect(conditions(things)).toEqual({
      Ready: 'False SpecInvalid',
      ImagesReady: 'False SpecInvalid',
      Progressing: 'False AtRest',
      Degraded: 'True SpecInvalid',
    })
    for (const { field } of faults) expect(messageOf(things, 'Ready')).toContain(`${field}: is missing`)
    const { summary, view } = viewModule(testCluster(things), testRef, now)
    expect(summary?.moduleLoader).toEqual({
      nodesMatchingSelectorNumber: 7,
      desiredNumber: 1,
      availableNumber: 1,
    })
    expect(view).toMatchObject({ module: 'unreadable', outdated: true })
    expect(view.summary).toContain('SpecInvalid: ')
  })

  test('is up to date once that is written', () => {
    const { summary } = viewModule(testCluster({ unreadable: [module], records }), testRef, now)
    const status = { moduleLoader: summary?.moduleLoader, conditions: [...(summary?.conditions ?? [])] }
    const written = testCluster({ unreadable: [{ ...module, status }], records })
    expect(viewModule(written, testRef, now).view.outdated).toBe(false)
  })

  test('that is deleted says so, and what remains', () => {
    const deleting = unreadableModule({ faults, deleting: true })
    expect(conditions({ unreadable: [deleting], records })).toMatchObject({ Ready: 'False Deleting' })
    const { view } = viewModule(testCluster({ unreadable: [deleting], records }), testRef, now)
    expect(view).toMatchObject({ module: 'deleting', remains: [expect.stringContaining('node n1')] })
  })

  test('a message fits what the API server takes', () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ field: `spec.x[${i}]`, message: 'm'.repeat(100) }))
    expect(messageOf({ unreadable: [unreadableModule({ faults: many })] }, 'Ready')?.length).toBeLessThan(
      32_000,
    )
  })
})

test('images:VAL-9 Better: empty rawArgs, args and firmwarePath count as absent', () => {
  const modprobe = { moduleName: 'm', rawArgs: {}, args: {}, firmwarePath: '' }
  const resolution = resolveMapping(testModule({ container: { modprobe } }), testKernel)
  expect(resolution.kind === 'mapped' && resolution.mapping.modprobe).toEqual({
    moduleName: 'm',
    dirName: '/opt',
  })
})
