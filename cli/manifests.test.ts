import { describe, expect, test } from 'vitest'
import { exitCodes } from './exitCodes.ts'
import { parseManifests } from './manifests.ts'
import { resolveFor } from './commands/resolve.ts'
import { runAddress } from './commands/open.ts'

const module = `apiVersion: kmm.sigs.x-k8s.io/v1beta1
kind: Module
metadata: { name: fpga }
spec:
  selector: {}
  moduleLoader:
    container:
      modprobe: { moduleName: fpga }
      kernelMappings:
        - { regexp: '^6', containerImage: 'reg.example/fpga:$KERNEL_FULL_VERSION' }
`
const configMap = `apiVersion: v1
kind: ConfigMap
metadata: { name: df, namespace: other }
data: { dockerfile: FROM scratch }
`
const read = (text: string) => parseManifests(text, 'module.yaml', () => 'drivers')
const thrown = (text: string) => {
  try {
    return read(text)
  } catch (error) {
    return error
  }
}

describe('a file', () => {
  test('Modules and ConfigMaps are taken, everything else is left; the namespace is filled in', () => {
    const { modules, configMaps } = read([module, configMap, 'kind: Secret\n', ''].join('---\n'))
    expect(modules).toMatchObject([{ metadata: { name: 'fpga', namespace: 'drivers' } }])
    expect(configMaps).toEqual([
      { metadata: { name: 'df', namespace: 'other' }, data: { dockerfile: 'FROM scratch' } },
    ])
  })
  test.each([
    ['without a Module', configMap, /module.yaml has no Module/],
    ['that is no YAML', 'a: [', /^module.yaml: /],
    [
      'with a Module that breaks a rule',
      module.replace('selector: {}', ''),
      /^module.yaml: Module fpga:\nspec.selector/,
    ],
  ])('%s is refused', (_name, text, message) => {
    expect(thrown(text)).toMatchObject({ message: expect.stringMatching(message), exitCode: exitCodes.no })
  })
})

describe('what a kernel would get', () => {
  const [first] = read(module).modules
  const resolve = (kernel: string) => first && resolveFor(first, kernel)
  test('the first mapping that matches', () => {
    expect(resolve('6.8.0-60')).toMatchObject({
      kind: 'mapped',
      image: 'reg.example/fpga:6.8.0-60',
      load: ['modprobe', '-vd', '/opt', 'fpga'],
      unload: ['modprobe', '-rvd', '/opt', 'fpga'],
    })
  })
  test('none, and one that cannot be used', () => {
    expect(resolve('5.15.0-1')).toMatchObject({ kind: 'unmapped' })
    expect(resolve('6.8')).toMatchObject({ kind: 'invalid', reason: 'KernelVersionInvalid' })
  })
})

test('the address of a run, whatever stands in its id', () => {
  expect(runAddress('http://ui/', 'kmm', 'module:c:d:fpga:6.1.0+', 'r')).toBe(
    'http://ui/namespaces/kmm/workflows/module%3Ac%3Ad%3Afpga%3A6.1.0%2B/r/history',
  )
})
