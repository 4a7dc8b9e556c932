import { expect, test } from 'vitest'
import { parseModule } from './readModule.ts'
import { testModule } from './testModule.ts'

const metadata = { namespace: 'drivers', name: 'fpga', uid: 'u', resourceVersion: '1' }

test('images:1.1 modprobe.dirName is /opt when absent and kept when empty', () => {
  expect(testModule().spec.moduleLoader?.container.modprobe.dirName).toBe('/opt')
  const module = testModule({ container: { modprobe: { moduleName: 'm', dirName: '' } } })
  expect(module.spec.moduleLoader?.container.modprobe.dirName).toBe('')
})

test('fields of a newer CRD are kept', () => {
  expect(testModule({ spec: { later: { a: 1 } } }).spec).toMatchObject({ later: { a: 1 } })
})

test('a client that makes a Date of a time is understood', () => {
  const spec = { selector: {} }
  const parsed = parseModule({ metadata: { ...metadata, deletionTimestamp: new Date(0) }, spec })
  expect(parsed).toMatchObject({ module: { metadata: { deletionTimestamp: '1970-01-01T00:00:00.000Z' } } })
})

test.each([
  [{ metadata }, 'spec'],
  [{ metadata, spec: { selector: { a: 1 } } }, 'spec.selector.a'],
  [
    { metadata, spec: { selector: {}, moduleLoader: { container: { kernelMappings: [], modprobe: {} } } } },
    'spec.moduleLoader.container.kernelMappings',
  ],
  [
    {
      metadata,
      spec: {
        selector: {},
        moduleLoader: { container: { kernelMappings: [{ literal: 'a' }], modprobe: {} } },
      },
    },
    'spec.moduleLoader.container.kernelMappings[0].containerImage',
  ],
  ['text', 'expected object'],
])('what is wrong is named: %j', (object, field) => {
  expect(parseModule(object)).toMatchObject({ ok: false, message: expect.stringContaining(field) })
})

const spec = (mapping: object, container: object = {}) => ({
  selector: {},
  moduleLoader: {
    container: {
      kernelMappings: [{ regexp: '.', containerImage: 'a:1', ...mapping }],
      modprobe: { moduleName: 'm' },
      ...container,
    },
  },
})

test('a Module that breaks rules is not readable; all of them are told, with what is known of it', () => {
  const bad = spec(
    { regexp: '', literal: '' },
    { modprobe: { rawArgs: {} }, version: 'a b', imagePullPolicy: 'Sometimes' },
  )
  const long = { ...metadata, name: 'n'.repeat(40), deletionTimestamp: '2026-01-01T00:00:00Z' }
  const kernels = [{ kernel: '6.1.0', phase: 'Loaded' }]
  const parsed = parseModule({ metadata: long, spec: bad, status: { kernels } })
  const fields = parsed.ok ? [] : parsed.unreadable?.faults.map(({ field }) => field)
  expect(fields?.toSorted()).toEqual([
    'metadata.name',
    'spec.moduleLoader.container.imagePullPolicy',
    'spec.moduleLoader.container.kernelMappings[0]',
    'spec.moduleLoader.container.modprobe',
    'spec.moduleLoader.container.version',
  ])
  expect(parsed).toMatchObject({ unreadable: { metadata: long, status: { kernels } } })
})

test('what is wrong with one mapping only does not make a Module unreadable', () => {
  expect(parseModule({ metadata, spec: spec({ literal: '6.1.0' }) }).ok).toBe(true)
})

test('limits that only bound the cost of the rules do not count for what is stored', () => {
  const kernelMappings = Array.from({ length: 300 }, () => ({
    regexp: 'x'.repeat(5000),
    containerImage: 'a:1',
  }))
  expect(parseModule({ metadata, spec: spec({}, { kernelMappings }) }).ok).toBe(true)
})

test('a part of the status that another version wrote is left out, the rest is kept', () => {
  const status = {
    kernels: [
      { kernel: '6.1.0', phase: 'Loaded' },
      { kernel: '6.2.0', phase: 'Dreaming' },
    ],
    conditions: 'none',
  }
  expect(parseModule({ metadata, spec: spec({}), status })).toMatchObject({
    ok: true,
    module: { status: { kernels: [{ kernel: '6.1.0' }], conditions: [] } },
  })
})
