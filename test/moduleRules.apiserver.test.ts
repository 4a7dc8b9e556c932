import { describe, expect, test } from 'vitest'
import { createModule, custom, modules, refusal, smallSpec } from './moduleApi.ts'

describe('a bad Module is refused with its field', () => {
  const container = 'spec.moduleLoader.container'
  const mapping = `${container}.kernelMappings[0]`
  const build = { dockerfileConfigMap: { name: 'd' } }
  const sign = (...filesToSign: string[]) => ({
    keySecret: { name: 'k' },
    certSecret: { name: 'c' },
    filesToSign,
  })
  const plugin = { container: { image: 'a:1' } }
  test.each<[string, object, ...string[]]>([
    ['unknown field', smallSpec({ spec: { typo: 1 } }), 'unknown field "spec.typo"'],
    [
      'unknown field of a Kubernetes type',
      { selector: {}, devicePlugin: { ...plugin, volumes: [{ name: 'v', typo: {} }] } },
      'unknown field "spec.devicePlugin.volumes[0].typo"',
    ],
    ['no selector', { ...smallSpec(), selector: undefined }, 'spec.selector: Required value'],
    [
      'API-V1',
      { selector: {}, devicePlugin: plugin, dra: { ...plugin, driverName: 'd' } },
      'spec.dra',
      'devicePlugin or dra, not both',
    ],
    ['VAL-8 regexp', smallSpec({ mapping: { regexp: '^(a' } }), `${mapping}.regexp`, 'missing closing )'],
    ['VAL-8 regexp of JavaScript', smallSpec({ mapping: { regexp: '(?=a)' } }), `${mapping}.regexp`],
    ['VAL-8 both', smallSpec({ mapping: { literal: 'a' } }), mapping, 'exactly one of literal and regexp'],
    ['VAL-8 neither', smallSpec({ mapping: { regexp: '' } }), mapping, 'exactly one of literal and regexp'],
    ['VAL-8 no mapping', smallSpec({ container: { kernelMappings: [] } }), `${container}.kernelMappings`],
    [
      'VAL-8 no image',
      smallSpec({ mapping: { containerImage: '' } }),
      `${container}.containerImage`,
      'names no containerImage',
    ],
    [
      'VAL-8 no tag',
      smallSpec({ mapping: { containerImage: 'reg:5000/a' } }),
      `${mapping}.containerImage`,
      'needs a tag or a digest',
    ],
    [
      'VAL-7 no tag',
      smallSpec({ container: { containerImage: 'reg/a' } }),
      `${container}.containerImage`,
      'needs a tag or a digest',
    ],
    [
      'VAL-7 in-tree',
      smallSpec({ container: { inTreeModuleToRemove: 'a', inTreeModulesToRemove: [] } }),
      `${container}.inTreeModuleToRemove`,
    ],
    [
      'VAL-8 in-tree',
      smallSpec({ mapping: { inTreeModuleToRemove: 'a', inTreeModulesToRemove: ['b'] } }),
      `${mapping}.inTreeModuleToRemove`,
    ],
    [
      'VAL-8 in-tree on two levels',
      smallSpec({ container: { inTreeModulesToRemove: [] }, mapping: { inTreeModuleToRemove: 'a' } }),
      container,
      'in every mapping',
    ],
    [
      'VAL-8 in-tree the other way',
      smallSpec({ container: { inTreeModuleToRemove: 'a' }, mapping: { inTreeModulesToRemove: [] } }),
      container,
      'in every mapping',
    ],
    [
      'VAL-9 nothing',
      smallSpec({ container: { modprobe: {} } }),
      `${container}.modprobe`,
      'either moduleName, or both',
    ],
    [
      'VAL-9 both',
      smallSpec({ container: { modprobe: { moduleName: 'm', rawArgs: { load: ['m'] } } } }),
      `${container}.modprobe`,
      'either moduleName, or both',
    ],
    [
      'VAL-9 half',
      smallSpec({ container: { modprobe: { rawArgs: { load: ['m'] } } } }),
      `${container}.modprobe`,
      'either moduleName, or both',
    ],
    [
      'VAL-9 order of one',
      smallSpec({ container: { modprobe: { moduleName: 'm', modulesLoadingOrder: ['m'] } } }),
      `${container}.modprobe.modulesLoadingOrder`,
      'at least two',
    ],
    [
      'VAL-9 order of others',
      smallSpec({ container: { modprobe: { moduleName: 'm', modulesLoadingOrder: ['a', 'm'] } } }),
      `${container}.modprobe.modulesLoadingOrder`,
      'the first is moduleName',
    ],
    [
      'VAL-9 order twice',
      smallSpec({ container: { modprobe: { moduleName: 'm', modulesLoadingOrder: ['m', 'a', 'a'] } } }),
      `${container}.modprobe.modulesLoadingOrder`,
      'twice',
    ],
    [
      '1.1 args',
      smallSpec({ container: { modprobe: { moduleName: 'm', args: { load: [] } } } }),
      `${container}.modprobe.args.load`,
    ],
    [
      'VAL-10 outside',
      smallSpec({ container: { sign: sign('/usr/a.ko') } }),
      `${container}.sign.filesToSign`,
      'below modprobe.dirName',
    ],
    [
      'VAL-10 outside, mapping',
      smallSpec({ mapping: { sign: sign('/usr/a.ko') } }),
      `${container}.kernelMappings`,
      'below modprobe.dirName',
    ],
    [
      'VAL-10 dots',
      smallSpec({ mapping: { build, sign: sign('/opt/../a.ko') } }),
      `${mapping}.sign.filesToSign[0]`,
      'without ".."',
    ],
    ['VAL-10 none', smallSpec({ mapping: { sign: sign() } }), `${mapping}.sign.filesToSign`],
    [
      'VAL-3 operator',
      smallSpec({ spec: { tolerations: [{ key: 'a', operator: 'Is' }] } }),
      'spec.tolerations[0].operator',
      'Exists or Equal',
    ],
    [
      'VAL-3 effect',
      smallSpec({ spec: { tolerations: [{ key: 'a', effect: 'Never' }] } }),
      'spec.tolerations[0].effect',
    ],
    [
      'VAL-3 key',
      smallSpec({ spec: { tolerations: [{ operator: 'Equal' }] } }),
      'spec.tolerations[0].operator',
      'without a key',
    ],
    [
      'VAL-3 value',
      smallSpec({ spec: { tolerations: [{ key: 'a', operator: 'Exists', value: 'v' }] } }),
      'spec.tolerations[0].value',
    ],
    [
      'VAL-3 seconds',
      smallSpec({ spec: { tolerations: [{ key: 'a', tolerationSeconds: 1 }] } }),
      'spec.tolerations[0].tolerationSeconds',
    ],
    ['VAL-4 driver', { selector: {}, dra: { ...plugin, driverName: 'Not_DNS' } }, 'spec.dra.driverName'],
    [
      'VAL-4 classes',
      { selector: {}, dra: { ...plugin, driverName: 'd', deviceClasses: [{ name: 'a' }, { name: 'a' }] } },
      'spec.dra.deviceClasses[1]',
      'Duplicate',
    ],
  ])('%s', async (_rule, spec, ...texts) => {
    const message = await refusal(createModule(spec, undefined, 'All'))
    for (const text of texts) expect(message).toContain(text)
  })

  test('all that is wrong is told at once', async () => {
    const spec = smallSpec({ mapping: { regexp: '(' }, container: { modprobe: {} } })
    const message = await refusal(
      createModule({ ...spec, tolerations: [{ operator: 'Equal' }] }, undefined, 'All'),
    )
    expect(message).toContain('spec.tolerations[0]')
    expect(message).toContain('spec.moduleLoader.container.modprobe')
  })
})

describe('VAL-1 version', () => {
  const versioned = (value: string | undefined) => smallSpec({ container: { version: value } })
  test.each([
    [undefined, '1', false],
    ['1', undefined, false],
    ['1', '', false],
    ['', undefined, true],
    ['1', '2', true],
  ])('from %s to %s: taken %s', async (from, to, taken) => {
    const created = await createModule(versioned(from))
    const { name } = created.metadata
    const body = { ...created, spec: versioned(to) }
    const answer = await refusal(custom.replaceNamespacedCustomObject({ ...modules, name, body }))
    expect(answer).toContain(taken ? 'nothing: it was taken' : 'version cannot be added or removed later')
  })
})
