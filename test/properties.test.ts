import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DurationError, formatDuration, parseDuration } from '../api/duration.ts'
import { tolerates } from '../api/eligibility.ts'
import { formatImageReference, ImageReferenceError, parseImageReference } from '../api/imageReference.ts'
import { resolveMapping } from '../api/mapping.ts'
import { conditionSchema, kernelStatusSchema } from '../api/moduleStatus.ts'
import { parseModule } from '../api/readModule.ts'
import { expandTemplate, TemplateError, templateVariables } from '../api/template.ts'
import {
  testBuildPod,
  testCluster,
  testConfig,
  testRecord,
  testRef,
  type TestCluster,
} from '../api/testCluster.ts'
import { kernelsOf, viewKernel } from '../api/viewKernel.ts'
import { viewModule } from '../api/viewModule.ts'
import { decideModule } from '../workflows/module/decide.ts'
import { decideKernel } from '../workflows/moduleKernel/decide.ts'
import { describeDetails } from '../workflows/moduleKernel/details.ts'
import { describeEntry } from '../workflows/moduleKernel/describe.ts'
import { isSettled } from '../workflows/moduleKernel/settled.ts'
import { kernels, moduleObjects, nodesWith, podLabels } from './moduleArbitraries.ts'

const now = '2026-02-02T00:00:00Z'

/** A cluster of one Module and two nodes with one kernel, with and without records and pods. */
const clusters = fc
  .tuple(moduleObjects, kernels)
  .chain(([object, kernel]) =>
    fc.record({
      object: fc.constant(object),
      kernel: fc.constant(kernel),
      nodes: fc.tuple(nodesWith(kernel, 'n1'), nodesWith(kernel, 'n2')),
      fact: fc.constantFrom(undefined, {}, { config: testConfig({ kernelVersion: kernel }), bootId: 'b1' }),
      podLabels: fc.option(podLabels),
      dockerfile: fc.option(fc.constantFrom('FROM scratch', '')),
    }),
  )
  .map(({ object, kernel, nodes, fact, podLabels: labels, dockerfile }) => {
    const parsed = parseModule(object)
    const config = testConfig({ kernelVersion: kernel })
    const things: TestCluster = {
      modules: parsed.ok ? [parsed.module] : [],
      unreadable: parsed.ok || parsed.unreadable === undefined ? [] : [parsed.unreadable],
      nodes,
      records: fact === undefined ? [] : [testRecord(config, fact)],
      pods: labels === null ? [] : [testBuildPod({ labels: labels as Record<string, string> })],
      configMaps: ['registry', 'git-token', 'a.b', 'x'].map((name) => ({
        namespace: 'drivers',
        name,
        ...(dockerfile === null ? {} : { dockerfile }),
      })),
    }
    return { parsed, kernel, cluster: testCluster(things) }
  })

describe('whatever stands in a Module', () => {
  test('it is read, or every fault has a field', () => {
    fc.assert(
      fc.property(moduleObjects, (object) => {
        const parsed = parseModule(object)
        if (parsed.ok) return
        expect(parsed.unreadable?.metadata).toEqual(object.metadata)
        expect(parsed.unreadable?.faults.length).toBeGreaterThan(0)
        for (const { field, message } of parsed.unreadable?.faults ?? []) {
          expect(field).toMatch(/^spec|^metadata/u)
          expect(message).not.toBe('')
        }
      }),
      { numRuns: 500 },
    )
  })

  test('views, plans and what is said of them are made, and fit the status', () => {
    fc.assert(
      fc.property(clusters, ({ kernel, cluster }) => {
        for (const release of [kernel, ...kernelsOf(cluster, testRef)]) {
          const { view } = viewKernel(cluster, testRef, release, { gcDelayMs: 0, maxParallel: 200 })
          const memory = { released: [], refused: {} }
          const plan = decideKernel(view, memory)
          const run = { ...testRef, kernel: release, workflowId: 'w', runId: 'r', now }
          const entry = describeEntry(run, view, memory, plan)
          if (entry !== undefined) expect(kernelStatusSchema.safeParse(entry).error).toBeUndefined()
          expect(describeDetails(run, view, entry, plan)).toBeTypeOf('string')
          isSettled(testRef, release, view)
        }
        const { view, summary } = viewModule(cluster, testRef, now)
        decideModule(view)
        for (const condition of summary?.conditions ?? []) {
          expect(conditionSchema.safeParse(condition).error).toBeUndefined()
          expect(condition.message.length).toBeLessThan(32_768)
        }
      }),
      { numRuns: 400 },
    )
  })

  test('a mapping gives an image that the grammar knows, or a fault with its field', () => {
    fc.assert(
      fc.property(moduleObjects, kernels, (object, kernel) => {
        const parsed = parseModule(object)
        if (!parsed.ok) return
        const resolution = resolveMapping(parsed.module, kernel)
        if (resolution.kind === 'invalid') expect(resolution.message).toContain(`${resolution.field}: `)
        if (resolution.kind !== 'mapped') return
        const { tag, digest } = parseImageReference(resolution.mapping.image)
        expect(tag ?? digest).toBeDefined()
      }),
      { numRuns: 500 },
    )
  })
})

/** Calls and takes only this error; everything else is a fault of ours. */
function outcomeOf<T>(call: () => T, expected: new (...args: never[]) => Error): T | undefined {
  try {
    return call()
  } catch (error) {
    expect(error).toBeInstanceOf(expected)
    return undefined
  }
}
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('$', '{', '}', ':', '-', '+', '=', 'A', 'b', '/', '@', '.', '1') }),
)

describe('templates', () => {
  const known = templateVariables('6.1.0-1-amd64', testRef)
  const variables = known.ok ? known.variables : {}

  test('expand, or say why not', () => {
    fc.assert(fc.property(text, (t) => void outcomeOf(() => expandTemplate(t, variables), TemplateError)))
  })
  test('a text with its dollars doubled stands for itself', () => {
    fc.assert(
      fc.property(text, (t) => {
        expect(expandTemplate(t.replaceAll('$', '$$$$'), {})).toBe(t)
      }),
    )
  })
  test('every release gives its variables, or says why not; they are safe in a tag', () => {
    fc.assert(
      fc.property(fc.oneof(kernels, text), (kernel) => {
        const result = templateVariables(kernel, testRef)
        const value = result.ok ? result.variables['KERNEL_FULL_VERSION'] : ''
        expect(value).toMatch(/^[A-Za-z0-9._-]*$/u)
      }),
    )
  })
})

describe('image references', () => {
  test('are read, or refused; what was read is written and read alike', () => {
    fc.assert(
      fc.property(text, (t) => {
        const reference = outcomeOf(() => parseImageReference(t), ImageReferenceError)
        if (reference === undefined) return
        expect(parseImageReference(formatImageReference(reference))).toEqual(reference)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('durations', () => {
  test('are read, or refused', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: fc.constantFrom('1', '.', 'h', 'm', 's', '-') })), (t) => {
        const duration = outcomeOf(() => parseDuration(t), DurationError)
        if (duration !== undefined) expect(duration).not.toBeNaN()
      }),
    )
  })
  test('what is written is read alike', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBeCloseTo(ms, 3)
      }),
    )
  })
})

describe('tolerations', () => {
  const part = fc.constantFrom('a', 'b', 'gpu')
  const effect = fc.constantFrom('NoSchedule', 'NoExecute', 'PreferNoSchedule')
  const taint = fc.record({ key: part, value: fc.option(part, { nil: undefined }), effect })

  test('Exists without a key tolerates everything', () => {
    fc.assert(
      fc.property(taint, (t) => {
        expect(tolerates({ operator: 'Exists' }, t)).toBe(true)
      }),
    )
  })
  test('one made of the taint tolerates it, with and without effect and operator', () => {
    fc.assert(
      fc.property(taint, fc.constantFrom('Equal', '', undefined), fc.boolean(), (t, operator, any) => {
        const toleration = { key: t.key, operator, value: t.value, effect: any ? undefined : t.effect }
        expect(tolerates(toleration, t)).toBe(true)
        expect(tolerates({ key: t.key, operator: 'Exists' }, t)).toBe(true)
      }),
    )
  })
  test('another key, value or effect does not', () => {
    fc.assert(
      fc.property(taint, taint, (t, other) => {
        const toleration = { ...other, operator: 'Equal' }
        const same =
          t.key === other.key && t.effect === other.effect && (t.value ?? '') === (other.value ?? '')
        expect(tolerates(toleration, t)).toBe(same)
      }),
    )
  })
})
