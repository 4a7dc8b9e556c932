import type { Module } from './module.ts'
import { parseModule } from './readModule.ts'

type Overrides = Readonly<Record<string, unknown>>

/** A Module for tests, drivers/fpga with one mapping for every kernel; overrides replace whole fields of a level. */
export function testModule(
  overrides: {
    spec?: Overrides
    container?: Overrides
    mapping?: Overrides
    mappings?: readonly Overrides[]
  } = {},
): Module {
  const mapping = {
    regexp: '^.+$',
    containerImage: 'reg.example/fpga:$KERNEL_FULL_VERSION',
    ...overrides.mapping,
  }
  const container = {
    kernelMappings: overrides.mappings ?? [mapping],
    modprobe: { moduleName: 'fpga' },
    ...overrides.container,
  }
  const parsed = parseModule({
    apiVersion: 'kmm.sigs.x-k8s.io/v1beta1',
    kind: 'Module',
    metadata: { namespace: 'drivers', name: 'fpga', uid: 'uid-1', resourceVersion: '1' },
    spec: { selector: {}, moduleLoader: { container }, ...overrides.spec },
  })
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.module
}
