import { describe, expect, test } from 'vitest'
import { moduleConfigHash, nodeModulesConfigSchema, type ModuleConfig } from './nodeModulesConfig.ts'

const config: ModuleConfig = {
  kernelVersion: '6.8.0-60-generic',
  containerImage: 'reg.example/fpga:6.8.0-60-generic',
  insecurePull: false,
  modprobe: { moduleName: 'fpga', dirName: '/opt', parameters: ['a=1', 'b=2'] },
}

test('nodes:2 a record as KMM writes it is read, dirName defaulted', () => {
  const record = nodeModulesConfigSchema.parse({
    metadata: { name: 'worker-1', uid: 'u', resourceVersion: '1' },
    spec: {
      modules: [
        {
          name: 'fpga',
          namespace: 'drivers',
          serviceAccountName: 'default',
          version: '2',
          config: { ...config, imagePullPolicy: '', modprobe: { moduleName: 'fpga' } },
        },
      ],
    },
  })
  expect(record.spec?.modules?.[0]?.config.modprobe.dirName).toBe('/opt')
})

describe('moduleConfigHash', () => {
  test('16 hex digits', () => {
    expect(moduleConfigHash(config)).toMatch(/^[0-9a-f]{16}$/)
  })

  const { dirName: _, ...modprobeWithoutDir } = config.modprobe
  test.each<[string, object]>([
    ['an absent and an empty pull policy are IfNotPresent', { ...config, imagePullPolicy: '' }],
    ['IfNotPresent written out', { ...config, imagePullPolicy: 'IfNotPresent' }],
    ['an absent dirName is /opt', { ...config, modprobe: modprobeWithoutDir }],
    [
      'empty lists and groups',
      { ...config, inTreeModulesToRemove: [], modprobe: { ...config.modprobe, args: { load: [] } } },
    ],
    ['undefined members', { ...config, inTreeModulesToRemove: undefined }],
    ['another order of keys', Object.fromEntries(Object.entries(config).toReversed())],
  ])('the same for: %s', (_name, other) => {
    expect(moduleConfigHash(other as ModuleConfig)).toBe(moduleConfigHash(config))
  })

  test.each<[string, Partial<ModuleConfig>]>([
    ['kernel', { kernelVersion: '6.8.0-61-generic' }],
    ['image', { containerImage: 'reg.example/fpga:other' }],
    ['pull policy', { imagePullPolicy: 'Always' }],
    ['order of parameters', { modprobe: { ...config.modprobe, parameters: ['b=2', 'a=1'] } }],
    ['in-tree modules', { inTreeModulesToRemove: ['dummy'] }],
    ['an empty dirName, which is not the default', { modprobe: { ...config.modprobe, dirName: '' } }],
  ])('another for another %s', (_name, change) => {
    expect(moduleConfigHash({ ...config, ...change })).not.toBe(moduleConfigHash(config))
  })
})
