import { describe, expect, test } from 'vitest'
import { resolveMapping, type ResolvedMapping } from './mapping.ts'
import { mergeInTreeModules } from './mergeMapping.ts'
import { testModule } from './testModule.ts'

const kernel = '6.8.0-60-generic'

function mapped(module: ReturnType<typeof testModule>, release = kernel): ResolvedMapping {
  const resolution = resolveMapping(module, release)
  if (resolution.kind !== 'mapped') throw new Error(JSON.stringify(resolution))
  return resolution.mapping
}

describe('images:MAP-2 the first mapping that matches', () => {
  const image = 'reg.example/a:1'
  const mappings = [
    { literal: '6.8.0-60-generic', containerImage: image },
    { regexp: 'generic', containerImage: image },
    { literal: '6.1.0', containerImage: image },
    { regexp: '^6[.]2[.].*fc(?P<n>[0-9]+)', containerImage: image },
    { regexp: '[+]$', containerImage: image },
  ]
  test.each([
    ['6.8.0-60-generic', 0],
    ['5.15.0-1-generic', 1],
    ['6.8.0-60-generic2', 1],
    ['6.1.0', 2],
    ['6.1.0+', 2],
    ['6.2.1-200.fc38.x86_64', 3],
    ['7.0.0+', 4],
    ['7.0.0', undefined],
    ['6X8X0-60-lowlatency', undefined],
  ])('%s -> %s', (release, index) => {
    const resolution = resolveMapping(testModule({ mappings }), release)
    expect(resolution.kind === 'mapped' ? resolution.mapping.index : undefined).toBe(index)
  })

  test('a literal behind a matching expression does not win', () => {
    const shadowed = testModule({ mappings: [mappings[1] ?? {}, mappings[0] ?? {}] })
    expect(mapped(shadowed).index).toBe(0)
  })

  test('an expression that would hang JavaScript does not', () => {
    const module = testModule({ mapping: { regexp: '^(a+)+$' } })
    expect(resolveMapping(module, `${'a'.repeat(50_000)}.1.1`).kind).toBe('unmapped')
  })
})

test('images:MAP-3 no match and no moduleLoader are "unmapped"', () => {
  expect(resolveMapping(testModule({ mapping: { regexp: '^5' } }), kernel)).toEqual({ kind: 'unmapped' })
  expect(resolveMapping(testModule({ spec: { moduleLoader: undefined } }), kernel)).toEqual({
    kind: 'unmapped',
  })
})

describe('images:MAP-1, MAP-6 image', () => {
  test.each([
    ['reg.example/$MOD_NAMESPACE/$MOD_NAME:$KERNEL_FULL_VERSION', '6.1.0+', 'reg.example/drivers/fpga:6.1.0'],
    ['reg.example/a:${KERNEL_XYZ}', '6.1.0-50-amd64', 'reg.example/a:6.1.0'],
    ['reg.example/a:$KERNEL_VERSION', '6.1.0~rc1', 'reg.example/a:6.1.0_rc1'],
    [`reg.example/a@sha256:${'a'.repeat(64)}`, kernel, `reg.example/a@sha256:${'a'.repeat(64)}`],
  ])('%s for %s', (containerImage, release, image) => {
    const mapping = mapped(testModule({ mapping: { containerImage } }), release)
    expect(mapping).toMatchObject({ image, kernel: release })
  })

  test('images:MAP-12 an empty one means that of the container', () => {
    const module = testModule({
      container: { containerImage: 'reg.example/all:1' },
      mappings: [
        { literal: '1.1.1', containerImage: '' },
        { regexp: '.', containerImage: 'reg.example/own:1' },
      ],
    })
    const of = (release: string) => {
      const { image, fields } = mapped(module, release)
      return [image, fields.image]
    }
    expect(of('1.1.1')).toEqual(['reg.example/all:1', 'spec.moduleLoader.container.containerImage'])
    expect(of('2.2.2')).toEqual([
      'reg.example/own:1',
      'spec.moduleLoader.container.kernelMappings[1].containerImage',
    ])
  })

  test('images:BLD-3 kanikoParams.tag does not touch it', () => {
    const build = { dockerfileConfigMap: { name: 'd' }, kanikoParams: { tag: 'debug' } }
    expect(mapped(testModule({ mapping: { build } })).image).toBe(`reg.example/fpga:${kernel}`)
  })
})

describe('faults name the field', () => {
  const own = 'spec.moduleLoader.container.kernelMappings[0]'
  test.each<[string, string, string, object, string?]>([
    ['TemplateInvalid', `${own}.containerImage`, 'unknown variable TYPO', { containerImage: 'r/a:$TYPO' }],
    ['TemplateInvalid', `${own}.containerImage`, 'closing', { containerImage: 'r/a:${KERNEL_X' }],
    ['ImageReferenceInvalid', `${own}.containerImage`, 'upper case', { containerImage: 'r/A:1' }],
    [
      'ImageReferenceInvalid',
      `${own}.containerImage`,
      'neither tag nor digest',
      { containerImage: 'r:5000/a' },
    ],
    [
      'ImageReferenceInvalid',
      `${own}.containerImage`,
      '"6.1.0+" is not a tag (letters, digits, "_", "." and "-", at most 128); KERNEL_FULL_VERSION is the release',
      { containerImage: 'r/a:$KERNEL_RAW_VERSION' },
      '6.1.0+',
    ],
    ['RegexpInvalid', `${own}.regexp`, 'missing closing )', { regexp: '^(a' }],
    ['RegexpInvalid', `${own}.regexp`, 'invalid', { regexp: '(?!a)' }],
    ['KernelVersionInvalid', own, 'fewer than three parts', {}, '6.1'],
    [
      'ImageMissing',
      'spec.moduleLoader.container.containerImage',
      'no containerImage',
      { containerImage: '' },
    ],
    [
      'TemplateInvalid',
      `${own}.sign.filesToSign`,
      'unknown variable TYPO',
      { sign: { keySecret: { name: 'k' }, certSecret: { name: 'c' }, filesToSign: ['/opt/$TYPO'] } },
    ],
  ])('%s %s: %s', (reason, field, text, mapping, release) => {
    const resolution = resolveMapping(testModule({ mapping: { ...mapping } }), release ?? kernel)
    expect(resolution).toEqual({ kind: 'invalid', reason, field, message: expect.stringContaining(text) })
    expect(resolution).toMatchObject({ message: expect.stringContaining(field) })
  })

  test('a bad expression behind the one that matches is not reached', () => {
    const containerImage = 'r/a:1'
    const module = testModule({
      mappings: [
        { literal: kernel, containerImage },
        { regexp: '(', containerImage },
      ],
    })
    expect(resolveMapping(module, kernel).kind).toBe('mapped')
    expect(resolveMapping(module, '1.1.1')).toMatchObject({
      reason: 'RegexpInvalid',
      field: expect.stringContaining('[1]'),
    })
  })
})

describe('images:MAP-10 build', () => {
  const dockerfileConfigMap = { name: 'all' }
  const merge = (container: object | undefined, mapping: object | undefined) =>
    mapped(testModule({ container: { build: container }, mapping: { build: mapping } })).build

  test('none at all', () => {
    expect(merge(undefined, undefined)).toBeUndefined()
  })

  test('one level alone stands whole, in its order', () => {
    const build = {
      dockerfileConfigMap,
      buildArgs: [
        { name: 'b', value: '1' },
        { name: 'a', value: '2' },
      ],
      selector: {},
    }
    expect(merge(build, undefined)).toEqual(build)
    expect(merge(undefined, build)).toEqual(build)
  })

  test('arguments are merged by name, new ones in alphabetical order', () => {
    const merged = merge(
      {
        dockerfileConfigMap,
        buildArgs: [
          { name: 'b', value: '1' },
          { name: 'a', value: '1' },
        ],
      },
      {
        dockerfileConfigMap,
        buildArgs: [
          { name: 'z', value: '2' },
          { name: 'a', value: '2' },
          { name: 'c', value: '2' },
        ],
      },
    )
    expect(merged?.buildArgs).toEqual([
      { name: 'b', value: '1' },
      { name: 'a', value: '2' },
      { name: 'c', value: '2' },
      { name: 'z', value: '2' },
    ])
  })

  test('secrets are put together, none twice (Better)', () => {
    const merged = merge(
      { dockerfileConfigMap, secrets: [{ name: 'x' }, { name: 'y' }] },
      { dockerfileConfigMap, secrets: [{ name: 'y' }, { name: 'z' }] },
    )
    expect(merged?.secrets).toEqual([{ name: 'x' }, { name: 'y' }, { name: 'z' }])
  })

  test('every other field of the mapping wins when present (Better)', () => {
    const container = {
      dockerfileConfigMap,
      baseImageRegistryTLS: { insecure: true },
      kanikoParams: { tag: 'debug' },
      selector: { a: '1' },
    }
    const mapping = {
      dockerfileConfigMap: { name: 'own' },
      baseImageRegistryTLS: { insecureSkipTLSVerify: true },
      kanikoParams: { tag: 'v1' },
      selector: {},
    }
    expect(merge(container, mapping)).toEqual(mapping)
    expect(merge(container, { dockerfileConfigMap: { name: 'own' } })).toEqual({
      ...container,
      dockerfileConfigMap: { name: 'own' },
    })
  })

  test('the field names the level whose Dockerfile counts', () => {
    const build = { dockerfileConfigMap }
    const field = (levels: object) => mapped(testModule(levels)).fields.build
    expect(field({ container: { build } })).toBe('spec.moduleLoader.container.build')
    expect(field({ mapping: { build } })).toBe('spec.moduleLoader.container.kernelMappings[0].build')
    expect(field({})).toBeUndefined()
  })
})

test('images:MAP-11, MAP-7 sign is merged and its templates expanded', () => {
  const module = testModule({
    container: {
      sign: {
        unsignedImage: 'r/u:$KERNEL_XYZ',
        keySecret: { name: 'k' },
        certSecret: { name: 'c' },
        filesToSign: ['/opt/$KERNEL_FULL_VERSION/a.ko'],
        unsignedImageRegistryTLS: { insecure: true },
      },
    },
    mapping: {
      sign: {
        unsignedImage: '',
        keySecret: { name: 'own' },
        certSecret: { name: '' },
        filesToSign: ['/opt/$MOD_NAME.ko'],
        unsignedImageRegistryTLS: { insecure: false },
      },
    },
  })
  expect(mapped(module).sign).toEqual({
    unsignedImage: 'r/u:6.8.0',
    keySecret: { name: 'own' },
    certSecret: { name: 'c' },
    filesToSign: [`/opt/${kernel}/a.ko`, '/opt/fpga.ko'],
    unsignedImageRegistryTLS: { insecure: false },
  })
})

test('images:MAP-9 paths can have the raw release, as the Dockerfile has it', () => {
  const filesToSign = ['/opt/lib/modules/$KERNEL_RAW_VERSION/a.ko']
  const sign = { keySecret: { name: 'k' }, certSecret: { name: 'c' }, filesToSign }
  const module = testModule({ mapping: { sign } })
  expect(mapped(module, '6.1.0+rt~2+').sign?.filesToSign).toEqual(['/opt/lib/modules/6.1.0+rt~2+/a.ko'])
})

test.each([
  [undefined, undefined, {}, 'spec.moduleLoader.container.registryTLS'],
  [{ insecure: true }, undefined, { insecure: true }, 'spec.moduleLoader.container.registryTLS'],
  [{ insecure: true }, {}, {}, 'spec.moduleLoader.container.kernelMappings[0].registryTLS'],
])('images:MAP-12 registryTLS of %j and %j is %j', (container, mapping, expected, field) => {
  const resolved = mapped(
    testModule({ container: { registryTLS: container }, mapping: { registryTLS: mapping } }),
  )
  expect(resolved.registryTLS).toEqual(expected)
  expect(resolved.fields.registryTLS).toBe(field)
})

test.each<[object, object, readonly string[] | undefined]>([
  [{}, {}, undefined],
  [{ inTreeModulesToRemove: ['a'] }, {}, ['a']],
  [{ inTreeModulesToRemove: ['a'] }, { inTreeModulesToRemove: ['b'] }, ['b']],
  [{ inTreeModulesToRemove: ['a'] }, { inTreeModulesToRemove: [] }, []],
  [{ inTreeModuleToRemove: 'old' }, {}, ['old']],
  [{ inTreeModuleToRemove: 'old' }, { inTreeModuleToRemove: 'own' }, ['own']],
  [{ inTreeModulesToRemove: ['a'] }, { inTreeModuleToRemove: 'own' }, ['own']],
])('images:MAP-13 in-tree modules of %j and %j are %j', (container, mapping, expected) => {
  expect(mergeInTreeModules(container, mapping)).toEqual(expected)
})

test('images:MAP-13 they are part of what is resolved', () => {
  const module = testModule({ container: { inTreeModulesToRemove: ['a'] } })
  expect(mapped(module).inTreeModulesToRemove).toEqual(['a'])
})

test('images:MAP-14 the rest comes from the Module', () => {
  const toleration = { key: 'gpu', operator: 'Exists' }
  const module = testModule({
    spec: { tolerations: [toleration], imageRepoSecret: { name: 'pull' } },
    container: { imagePullPolicy: 'Always', version: '2' },
  })
  expect(mapped(module)).toMatchObject({
    serviceAccountName: 'default',
    imageRepoSecret: { name: 'pull' },
    imagePullPolicy: 'Always',
    version: '2',
    modprobe: { moduleName: 'fpga', dirName: '/opt' },
  })
  expect(mapped(module).tolerations).toHaveLength(4)
  expect(mapped(module).tolerations[0]).toEqual(toleration)
})
