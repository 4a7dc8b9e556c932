import { describe, expect, test } from 'vitest'
import { createModule, custom, modules, refusal } from './moduleApi.ts'
import { moduleLoaderCases } from './moduleLoaderRuleCases.ts'
import { moduleCases } from './moduleRuleCases.ts'
import { smallSpec } from './moduleSpecs.ts'

describe('a Module that breaks a rule is refused with field and fix; its neighbour is taken', () => {
  test.each([...moduleCases, ...moduleLoaderCases])('$rule', async ({ refused, field, fix, taken }) => {
    const message = await refusal(createModule(refused, undefined, 'All'))
    expect(message).toContain(field)
    expect(message).toContain(fix)
    expect(await refusal(createModule(taken, undefined, 'All'))).toContain('nothing: it was taken')
  })

  test('all that is wrong is told at once', async () => {
    const spec = smallSpec({ mapping: { regexp: '(' }, container: { modprobe: {} } })
    const message = await refusal(
      createModule({ ...spec, tolerations: [{ operator: 'Equal' }] }, undefined, 'All'),
    )
    expect(message).toContain('spec.tolerations[0]')
    expect(message).toContain('spec.moduleLoader.container.kernelMappings: ')
    expect(message).toContain('spec.moduleLoader.container.modprobe')
  })

  test('the largest Module fits: 256 mappings, long lists of kernels, many files and parameters', async () => {
    const filesToSign = Array.from(
      { length: 32 },
      (_, i) => `/opt/lib/modules/\${KERNEL_FULL_VERSION}/a${i}.ko`,
    )
    const kernelMappings = Array.from({ length: 256 }, (_, i) => ({
      regexp: `^(${'6[.]1[.]0-[0-9]+-amd64|'.repeat(100)}6.${i})$`,
      containerImage: `reg.example:5000/${'long/'.repeat(20)}acme:\${KERNEL_FULL_VERSION}`,
      build: { dockerfileConfigMap: { name: 'd' } },
      sign: { keySecret: { name: 'k' }, certSecret: { name: 'c' }, filesToSign },
    }))
    const order = Array.from({ length: 64 }, (_, i) => `module_${i}`)
    const modprobe = {
      moduleName: order[0],
      modulesLoadingOrder: order,
      parameters: Array.from({ length: 128 }, (_, i) => `parameter_${i}=${'x'.repeat(100)}`),
      firmwarePath: '/firmware',
    }
    const tolerations = Array.from({ length: 64 }, (_, i) => ({
      key: `example.com/${i}`,
      operator: 'Exists',
    }))
    const spec = smallSpec({ spec: { tolerations }, container: { kernelMappings, modprobe } })
    expect(await refusal(createModule(spec, undefined, 'All'))).toContain('nothing: it was taken')
  })
})

describe('images:VAL-1 version', () => {
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
