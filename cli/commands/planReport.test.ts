import { describe, expect, test } from 'vitest'
import { moduleFinalizer, readyLabel } from '../../api/names.ts'
import { testConfig, testKernel, testRecord, testRef } from '../../api/testCluster.ts'
import { testModule } from '../../api/testModule.ts'
import { noObjects, type ClusterObjects } from '../cluster/snapshot.ts'
import { planModule } from './planReport.ts'

/** Objects as the API server gives them. */
const node = (name: string, change: { labels?: object; ready?: boolean; kernel?: string } = {}) => ({
  metadata: { name, uid: `uid-${name}`, resourceVersion: '1', labels: change.labels ?? {} },
  status: {
    conditions: [{ type: 'Ready', status: change.ready === false ? 'Unknown' : 'True' }],
    nodeInfo: {
      kernelVersion: change.kernel ?? testKernel,
      bootID: 'b1',
      architecture: 'amd64',
      osImage: 'Linux',
    },
  },
})
const objects = (change: object) => ({ ...noObjects, ...change }) as unknown as ClusterObjects
const build = { dockerfileConfigMap: { name: 'dockerfile' } }
const dockerfile = {
  metadata: { namespace: 'drivers', name: 'dockerfile' },
  data: { dockerfile: 'FROM scratch' },
}
const stored = (spec: object, status: object = {}) => {
  const module = testModule({ spec: spec as Record<string, unknown> })
  return { ...module, metadata: { ...module.metadata, finalizers: [moduleFinalizer] }, status }
}
const loadedStatus = {
  kernels: [
    {
      kernel: testKernel,
      phase: 'Loaded',
      image: `reg.example/fpga:${testKernel}`,
      digest: `sha256:${'1'.repeat(64)}`,
    },
  ],
}
const labelled = { [readyLabel(testRef)]: '' }

test('a new Module: the registry is asked, the build that may follow is named, every node would be loaded', () => {
  const report = planModule(
    objects({ nodes: [node('n1'), node('n2'), node('away', { ready: false })] }),
    testModule({ mapping: { build } }),
    [dockerfile],
  )
  expect(report).toMatchObject({ module: 'drivers/fpga', change: 'new', faults: [] })
  const [kernel] = report.kernels
  expect(kernel?.image).toMatchObject({
    kind: 'lookUp',
    image: `reg.example/fpga:${testKernel}`,
    build: { arguments: expect.arrayContaining([`KERNEL_FULL_VERSION=${testKernel}`]) },
  })
  expect(kernel?.nodes).toEqual([
    { node: 'n1', action: 'load' },
    { node: 'n2', action: 'load' },
    { node: 'away', action: 'later', says: 'the node is not Ready; when it returns' },
  ])
})

test('without its Dockerfile the build is impossible, and that is said', () => {
  const report = planModule(objects({ nodes: [node('n1')] }), testModule({ mapping: { build } }), [])
  expect(report.kernels[0]?.image).toMatchObject({
    kind: 'lookUp',
    fault: expect.stringContaining('ConfigMap drivers/dockerfile does not exist'),
  })
})

test('a changed parameter reloads where it is loaded; the image that is known stays', () => {
  const cluster = objects({
    modules: [stored({}, loadedStatus)],
    nodes: [node('n1', { labels: labelled })],
    nodeModulesConfigs: [testRecord(testConfig(), { config: testConfig(), bootId: 'b1' })],
  })
  const same = planModule(cluster, testModule(), [])
  expect(same).toMatchObject({
    change: 'same',
    kernels: [{ image: { kind: 'known' }, nodes: [{ node: 'n1', action: 'keep' }] }],
  })
  const changed = planModule(
    cluster,
    testModule({ container: { modprobe: { moduleName: 'fpga', parameters: ['debug=1'] } } }),
    [],
  )
  expect(changed).toMatchObject({
    change: 'changed',
    kernels: [{ image: { kind: 'known' }, nodes: [{ node: 'n1', action: 'reload' }] }],
  })
})

test('the order of keys is no change', () => {
  const cluster = objects({ modules: [stored({ selector: { a: '1', b: '2' } })] })
  const report = planModule(cluster, testModule({ spec: { selector: { b: '2', a: '1' } } }), [])
  expect(report.change).toBe('same')
})

test('a narrower selector unloads; another image is looked for and reloads', () => {
  const cluster = objects({
    modules: [stored({}, loadedStatus)],
    nodes: [node('n1', { labels: labelled })],
    nodeModulesConfigs: [testRecord(testConfig(), { config: testConfig(), bootId: 'b1' })],
  })
  const narrower = planModule(cluster, testModule({ spec: { selector: { accelerator: 'fpga' } } }), [])
  expect(narrower.kernels[0]).toMatchObject({
    image: { kind: 'none', why: 'NoNodes' },
    nodes: [{ node: 'n1', action: 'unload' }],
  })
  const other = planModule(cluster, testModule({ mapping: { containerImage: 'reg.example/fpga:2' } }), [])
  expect(other.kernels[0]).toMatchObject({
    image: { kind: 'lookUp', image: 'reg.example/fpga:2' },
    nodes: [{ node: 'n1', action: 'reload' }],
  })
})

test('a kernel without mapping, and a mapping that cannot be used, are said', () => {
  const cluster = objects({ nodes: [node('n1')] })
  const unmapped = planModule(cluster, testModule({ mapping: { regexp: '^5' } }), [])
  expect(unmapped.kernels[0]).toMatchObject({ image: { kind: 'none', why: 'NoMapping' } })
  const invalid = planModule(cluster, testModule({ mapping: { containerImage: 'reg.example/a:$NOPE' } }), [])
  expect(invalid.faults).toEqual([expect.stringContaining('unknown variable NOPE')])
  expect(invalid.kernels[0]).toMatchObject({ image: { kind: 'invalid', reason: 'TemplateInvalid' } })
})

describe('a build that does not begin now', () => {
  const things = (status: object) =>
    objects({
      nodes: [node('n1')],
      modules: [stored({}, status)],
      configMaps: [dockerfile],
    })
  const module = testModule({ mapping: { build } })
  const buildOf = (status: object) => {
    const image = planModule(things(status), module, [dockerfile]).kernels[0]?.image
    return image?.kind === 'lookUp' ? image.build : undefined
  }
  const inputHash = buildOf({})?.inputHash ?? ''
  const entry = { kernel: testKernel, image: `reg.example/fpga:${testKernel}`, inputHash, attempt: 2 }

  test('its inputs have failed: held, and the pod of the next attempt', () => {
    const status = { kernels: [{ ...entry, phase: 'BuildFailed', reason: 'CompileFailed' }] }
    expect(buildOf(status)).toMatchObject({
      pod: `fpga-build-${inputHash.slice(0, 8)}-3`,
      standing: { kind: 'held', reason: 'CompileFailed' },
    })
  })
  test('other inputs have failed: these are built', () => {
    const status = { kernels: [{ ...entry, inputHash: 'other', phase: 'BuildFailed' }] }
    expect(buildOf(status)).not.toHaveProperty('standing')
    expect(buildOf(status)?.pod).toBe(`fpga-build-${inputHash.slice(0, 8)}-1`)
  })
})
