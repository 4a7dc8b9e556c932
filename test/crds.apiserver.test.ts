import { describe, expect, test } from 'vitest'
import { crdSchema, kubernetesTypeNames } from '../api/crdSchema.ts'
import { moduleSpecSchema } from '../api/module.ts'
import { apiVersion, group, version } from '../api/names.ts'
import type { JsonSchema } from '../api/openApiTypes.ts'
import { parseModule } from '../api/readModule.ts'
import { createModule, custom, modules, refusal } from './moduleApi.ts'
import { smallSpec } from './moduleSpecs.ts'
import { sampleConfig, sampleSpecs } from './sampleModules.ts'

describe('a Module with every field comes back with nothing lost', () => {
  test.each(Object.entries(sampleSpecs))('%s', async (_name, spec) => {
    const created = await createModule(spec)
    expect(created.spec).toEqual(spec)
    const stored = parseModule(created)
    expect(stored).toMatchObject({ ok: true, module: { spec } })
  })

  test('the samples hold every field of the schema', () => {
    const types = Object.fromEntries(kubernetesTypeNames(moduleSpecSchema).map((name) => [name, {}]))
    const wanted = fieldPaths(crdSchema(moduleSpecSchema, types))
    const held = new Set(Object.values(sampleSpecs).flatMap((spec) => valuePaths(spec)))
    expect(wanted.length).toBeGreaterThan(60)
    expect(wanted.filter((path) => !held.has(path))).toEqual([])
  })

  test('images:1.1 dirName defaults to /opt', async () => {
    expect((await createModule(smallSpec())).spec).toMatchObject({
      moduleLoader: { container: { modprobe: { dirName: '/opt' } } },
    })
  })
})

describe('a NodeModulesConfig', () => {
  const nodes = { group, version, plural: 'nodemodulesconfigs', fieldValidation: 'Strict' }
  const entry = { name: 'm', namespace: 'a', serviceAccountName: 'default', config: sampleConfig }
  const body = (...list: object[]) => ({
    apiVersion,
    kind: 'NodeModulesConfig',
    metadata: { name: `node-${process.pid}` },
    spec: { modules: list },
  })

  test('comes back with nothing lost', async () => {
    const spec = [
      entry,
      {
        ...entry,
        namespace: 'b',
        version: '2',
        imageRepoSecret: { name: 's' },
        tolerations: [{ operator: 'Exists' }],
      },
    ]
    const created: unknown = await custom.createClusterCustomObject({
      ...nodes,
      body: body(...spec),
      dryRun: 'All',
    })
    expect(created).toMatchObject({ spec: { modules: spec } })
  })

  test('nodes:NMC Better: holds a Module once', async () => {
    const answer = await refusal(custom.createClusterCustomObject({ ...nodes, body: body(entry, entry) }))
    expect(answer).toContain('spec.modules[1]: Duplicate value')
  })
})

describe('status', () => {
  const time = '2026-01-01T00:00:00Z'
  const status = {
    moduleLoader: { nodesMatchingSelectorNumber: 3, desiredNumber: 2, availableNumber: 1 },
    imageRebuildTriggerGeneration: 2,
    conditions: [
      {
        type: 'Ready',
        status: 'False',
        observedGeneration: 1,
        lastTransitionTime: time,
        reason: 'Building',
        message: 'm',
      },
    ],
    kernels: [
      {
        kernel: '6.1.0',
        phase: 'Building',
        image: 'i',
        digest: 'd',
        imageGeneration: 1,
        inputHash: 'h',
        reason: 'r',
        message: 'm',
        errorLines: 'e',
        buildPod: 'p',
        attempt: 1,
        workflowId: 'w',
        runId: 'x',
        since: time,
        nodes: { targets: 2, loaded: 1, failed: 0, waiting: 1 },
      },
      { kernel: '6.1.0+', phase: 'NoNodes' },
    ],
  }
  const replace = async (next: object) => {
    const created = await createModule(smallSpec())
    return await custom.replaceNamespacedCustomObjectStatus({
      ...modules,
      name: created.metadata.name,
      body: { ...created, status: next },
    })
  }

  test('comes back with nothing lost', async () => {
    expect(await replace(status)).toMatchObject({ status })
  })

  test.each([
    [
      'a kernel twice',
      { kernels: [status.kernels[1], status.kernels[1]] },
      'status.kernels[1]: Duplicate value',
    ],
    [
      'a condition twice',
      { conditions: [...status.conditions, ...status.conditions] },
      'status.conditions[1]: Duplicate value',
    ],
    [
      'an unknown phase',
      { kernels: [{ kernel: 'k', phase: 'Asleep' }] },
      'status.kernels[0].phase: Unsupported value',
    ],
    [
      'an unknown field',
      { kernels: [{ kernel: 'k', phase: 'Loaded', typo: 1 }] },
      'unknown field "status.kernels[0].typo"',
    ],
  ])('%s is refused', async (_name, bad, text) => {
    expect(await refusal(replace(bad))).toContain(text)
  })
})

/** Paths of all fields of a schema; items of lists add `[]`, free keys and Kubernetes' types nothing. */
function fieldPaths(schema: JsonSchema, at = ''): string[] {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, JsonSchema>)
  const items = schema['items'] as JsonSchema | undefined
  return [
    ...properties.flatMap(([key, property]) => [`${at}.${key}`, ...fieldPaths(property, `${at}.${key}`)]),
    ...(items === undefined ? [] : fieldPaths(items, `${at}[]`)),
  ]
}

function valuePaths(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuePaths(item, `${at}[]`))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => [
    `${at}.${key}`,
    ...valuePaths(member, `${at}.${key}`),
  ])
}
