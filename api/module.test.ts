import { expect, test } from 'vitest'
import { parseModule } from './module.ts'
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
  expect(parseModule(object)).toEqual({ ok: false, message: expect.stringContaining(field) })
})
