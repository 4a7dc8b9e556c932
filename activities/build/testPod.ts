import { parseConfig, type OperatorConfig } from '../../api/config.ts'
import { resolveMapping } from '../../api/mapping.ts'
import { testModule } from '../../api/testModule.ts'
import type { PodBody } from '../podBody.ts'
import { buildPod } from './buildPod.ts'

/** The kernel of the pod, with a character that tags cannot have. */
export const testPodKernel = '6.1.0-1+rt'
const defaults = parseConfig('')
if (!defaults.ok) throw new Error(defaults.message)
const settings = defaults.config.build
export const testPodImage = 'reg.example:5000/fpga:6.1.0-1_rt'

/** What differs from the build pod of the test Module. */
export interface PodChange {
  build?: object
  mapping?: Readonly<Record<string, unknown>>
  spec?: Readonly<Record<string, unknown>>
  settings?: Partial<OperatorConfig['build']>
  authorities?: string
}

/** The build pod of the test Module, arm64, attempt 3. */
export function testPod(change: PodChange = {}): PodBody {
  const build = { dockerfileConfigMap: { name: 'fpga-dockerfile' }, ...change.build }
  const module = testModule({
    mapping: { containerImage: 'reg.example:5000/fpga:$KERNEL_FULL_VERSION', build, ...change.mapping },
    ...(change.spec === undefined ? {} : { spec: change.spec }),
  })
  const resolved = resolveMapping(module, testPodKernel)
  if (resolved.kind !== 'mapped') throw new Error('the test Module has no mapping')
  return buildPod({
    module,
    mapping: resolved.mapping,
    image: resolved.mapping.image,
    dockerfile: 'FROM base.example/a AS builder\nFROM builder\nFROM other.example:5000/b',
    kernel: testPodKernel,
    architecture: 'arm64',
    inputHash: 'abcdef0123456789',
    attempt: 3,
    nodes: [],
    cluster: 'c1',
    authorities: change.authorities,
    secretVersions: { token: 'uid-1/7' },
    loginSecret: resolved.mapping.imageRepoSecret?.name,
    build: { ...settings, ...change.settings },
  })
}
/** Its only container. */
export function testContainer(change?: PodChange) {
  return testPod(change).spec.containers[0]!
}
