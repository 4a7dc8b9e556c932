import { describe, expect, test } from 'vitest'
import { buildArgs, buildInputHash, sourceHash, type BuildInputs } from './buildInputs.ts'
import { resolveMapping, type ResolvedMapping } from './mapping.ts'
import { testModule } from './testModule.ts'

const ref = { namespace: 'drivers', name: 'fpga' }
const kernel = '6.1.0+'

function mapping(build: object = {}, levels: { spec?: object; mapping?: object } = {}): ResolvedMapping {
  const resolution = resolveMapping(
    testModule({
      spec: { ...levels.spec },
      mapping: { build: { dockerfileConfigMap: { name: 'd' }, ...build }, ...levels.mapping },
    }),
    kernel,
  )
  if (resolution.kind !== 'mapped') throw new Error(JSON.stringify(resolution))
  return resolution.mapping
}

describe('images:BLD-4 build arguments', () => {
  test('the automatic ones, with the raw kernel', () => {
    expect(buildArgs(mapping(), ref, kernel)).toEqual([
      { name: 'KERNEL_FULL_VERSION', value: '6.1.0+' },
      { name: 'KERNEL_VERSION', value: '6.1.0+' },
      { name: 'MOD_NAME', value: 'fpga' },
      { name: 'MOD_NAMESPACE', value: 'drivers' },
    ])
  })

  test("take over the user's values in place; the user's own come first", () => {
    const args = [
      { name: 'REV', value: '42' },
      { name: 'MOD_NAME', value: 'mine' },
      { name: 'A', value: '' },
    ]
    expect(buildArgs(mapping({ buildArgs: args }), ref, kernel)).toEqual([
      { name: 'REV', value: '42' },
      { name: 'MOD_NAME', value: 'fpga' },
      { name: 'A', value: '' },
      { name: 'KERNEL_FULL_VERSION', value: '6.1.0+' },
      { name: 'KERNEL_VERSION', value: '6.1.0+' },
      { name: 'MOD_NAMESPACE', value: 'drivers' },
    ])
  })
})

const inputs: BuildInputs = { mapping: mapping(), ref, kernel, architecture: 'amd64', dockerfile: 'FROM x' }

describe('input hash', () => {
  const hash = buildInputHash(inputs)

  test('hex SHA-256', () => {
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
  })

  test.each<[string, Partial<BuildInputs>]>([
    ['Dockerfile', { dockerfile: 'FROM y' }],
    ['kernel', { kernel: '6.1.0' }],
    ['architecture', { architecture: 'arm64' }],
    ['image', { mapping: mapping({}, { mapping: { containerImage: 'r/other:1' } }) }],
    ['argument', { mapping: mapping({ buildArgs: [{ name: 'A', value: '1' }] }) }],
    ['registryTLS', { mapping: mapping({}, { mapping: { registryTLS: { insecure: true } } }) }],
    ['baseImageRegistryTLS', { mapping: mapping({ baseImageRegistryTLS: { insecureSkipTLSVerify: true } }) }],
    ['executor tag', { mapping: mapping({ kanikoParams: { tag: 'debug' } }) }],
    ['selector', { mapping: mapping({ selector: {} }) }],
    ['secret', { mapping: mapping({ secrets: [{ name: 's' }] }) }],
    ['imageRepoSecret', { mapping: mapping({}, { spec: { imageRepoSecret: { name: 's' } } }) }],
  ])('another %s, another hash', (_name, change) => {
    expect(buildInputHash({ ...inputs, ...change })).not.toBe(hash)
  })

  test.each<[string, ResolvedMapping]>([
    [
      'defaults written out',
      mapping({ baseImageRegistryTLS: { insecure: false } }, { mapping: { registryTLS: {} } }),
    ],
    ['an empty list', mapping({ buildArgs: [], secrets: [] })],
    ['the name of the ConfigMap', mapping({ dockerfileConfigMap: { name: 'renamed' } })],
    ['node settings', mapping({}, { spec: { tolerations: [{ operator: 'Exists' }], selector: { a: 'b' } } })],
  ])('the same for %s', (_name, same) => {
    expect(buildInputHash({ ...inputs, mapping: same })).toBe(hash)
  })

  test('another Module, another hash only where the Dockerfile uses its name', () => {
    const other = { ...ref, namespace: 'others' }
    expect(buildInputHash({ ...inputs, ref: other })).toBe(hash)
    const dockerfile = 'FROM x\nARG MOD_NAMESPACE'
    const hashOf = (of: typeof ref) => buildInputHash({ ...inputs, dockerfile, ref: of })
    expect(hashOf(other)).not.toBe(hashOf(ref))
  })

  test('the same for another order of labels and secrets', () => {
    const one = mapping({ selector: { a: '1', b: '2' }, secrets: [{ name: 'x' }, { name: 'y' }] })
    const two = mapping({ selector: { b: '2', a: '1' }, secrets: [{ name: 'y' }, { name: 'x' }] })
    expect(buildInputHash({ ...inputs, mapping: one })).toBe(buildInputHash({ ...inputs, mapping: two }))
  })
})

describe('images:MIC-11 source hash', () => {
  const hash = sourceHash(inputs)

  test.each<[string, Partial<BuildInputs>]>([
    ['Dockerfile', { dockerfile: 'FROM y' }],
    ['kernel', { kernel: '6.1.0' }],
    ['architecture', { architecture: 'arm64' }],
    ['argument', { mapping: mapping({ buildArgs: [{ name: 'A', value: '1' }] }) }],
    ['secret', { mapping: mapping({ secrets: [{ name: 's' }] }) }],
  ])('another %s, another hash', (_name, change) => {
    expect(sourceHash({ ...inputs, ...change })).not.toBe(hash)
  })

  test.each<[string, Partial<BuildInputs>]>([
    ['image', { mapping: mapping({}, { mapping: { containerImage: 'r/other:1' } }) }],
    ['registryTLS', { mapping: mapping({}, { mapping: { registryTLS: { insecure: true } } }) }],
    ['baseImageRegistryTLS', { mapping: mapping({ baseImageRegistryTLS: { insecureSkipTLSVerify: true } }) }],
    ['executor tag', { mapping: mapping({ kanikoParams: { tag: 'debug' } }) }],
    ['selector', { mapping: mapping({ selector: {} }) }],
    ['imageRepoSecret', { mapping: mapping({}, { spec: { imageRepoSecret: { name: 's' } } }) }],
    ['Module, unless the Dockerfile has its name', { ref: { ...ref, name: 'other' } }],
  ])('the same for another %s', (_name, change) => {
    expect(sourceHash({ ...inputs, ...change })).toBe(hash)
  })
})
