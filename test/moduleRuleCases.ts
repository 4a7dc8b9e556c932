import { smallSpec } from './moduleSpecs.ts'

/** A rule of docs/validation.md by a spec that breaks it, and its neighbour that keeps it. */
export interface RuleCase {
  /** `images:VAL-9 order twice`; the part up to the first space stands in docs/validation.md. */
  readonly rule: string
  readonly refused: object
  readonly field: string
  /** What the message says besides the field; it names the fix. */
  readonly fix: string
  readonly taken: object
}

const plugin = { container: { image: 'a:1' } }

const toleration = (change: object) => smallSpec({ spec: { tolerations: [change] } })
const dra = (change: object) => ({
  selector: {},
  dra: { ...plugin, driverName: 'gpu.example.com', ...change },
})
const build = (change: object) => ({ dockerfileConfigMap: { name: 'd' }, ...change })
const loader = (change: object) => ({ ...smallSpec().moduleLoader, ...change })
const classes = (...names: string[]) => dra({ deviceClasses: names.map((name) => ({ name })) })

/** Rules of the definition besides those of `spec.moduleLoader`; the policies' are in policies.apiserver.test.ts. */
export const moduleCases: readonly RuleCase[] = [
  {
    rule: 'images:1.1 unknown field',
    refused: smallSpec({ spec: { typo: 1 } }),
    field: 'spec.typo',
    fix: 'unknown field',
    taken: smallSpec(),
  },
  {
    rule: 'images:1.1 unknown field of a Kubernetes type',
    refused: { selector: {}, devicePlugin: { ...plugin, volumes: [{ name: 'v', typo: {} }] } },
    field: 'spec.devicePlugin.volumes[0].typo',
    fix: 'unknown field',
    taken: { selector: {}, devicePlugin: { ...plugin, volumes: [{ name: 'v', emptyDir: {} }] } },
  },
  {
    rule: 'images:1.1 selector',
    refused: { ...smallSpec(), selector: undefined },
    field: 'spec.selector',
    fix: 'Required value',
    taken: { ...smallSpec(), selector: {} },
  },
  {
    rule: 'images:API-V1 one consumer',
    refused: { selector: {}, devicePlugin: plugin, dra: { ...plugin, driverName: 'd' } },
    field: 'spec.dra',
    fix: 'devicePlugin or dra, not both',
    taken: { selector: {}, devicePlugin: plugin },
  },
  {
    rule: 'images:VAL-3 operator',
    refused: toleration({ key: 'a', operator: 'Is' }),
    field: 'spec.tolerations[0].operator',
    fix: 'Exists or Equal',
    taken: toleration({ key: 'a', operator: 'Equal', value: 'v' }),
  },
  {
    rule: 'images:VAL-3 effect',
    refused: toleration({ key: 'a', effect: 'Never' }),
    field: 'spec.tolerations[0].effect',
    fix: 'NoSchedule, PreferNoSchedule or NoExecute',
    taken: toleration({ key: 'a', effect: 'PreferNoSchedule' }),
  },
  {
    rule: 'images:VAL-3 empty key',
    refused: toleration({ operator: 'Equal' }),
    field: 'spec.tolerations[0].operator',
    fix: 'without a key the operator must be Exists',
    taken: toleration({ operator: 'Exists' }),
  },
  {
    rule: 'images:VAL-3 key',
    refused: toleration({ key: '-a' }),
    field: 'spec.tolerations[0].key',
    fix: 'the key of a taint, such as',
    taken: toleration({ key: 'example.com/A_b' }),
  },
  {
    rule: 'images:VAL-3 value with Exists',
    refused: toleration({ key: 'a', operator: 'Exists', value: 'v' }),
    field: 'spec.tolerations[0].value',
    fix: 'must be empty',
    taken: toleration({ key: 'a', operator: 'Exists' }),
  },
  {
    rule: 'images:VAL-3 value',
    refused: toleration({ key: 'a', value: 'v w' }),
    field: 'spec.tolerations[0].value',
    fix: 'letters, digits',
    taken: toleration({ key: 'a', value: 'v-w' }),
  },
  {
    rule: 'images:VAL-3 seconds',
    refused: toleration({ key: 'a', tolerationSeconds: 1 }),
    field: 'spec.tolerations[0].tolerationSeconds',
    fix: 'effect NoExecute',
    taken: toleration({ key: 'a', effect: 'NoExecute', tolerationSeconds: 1 }),
  },
  {
    rule: 'images:VAL-4 driver',
    refused: dra({ driverName: 'Not_DNS' }),
    field: 'spec.dra.driverName',
    fix: 'DNS name, such as',
    taken: dra({}),
  },
  {
    rule: 'images:VAL-4 class',
    refused: classes('Not_DNS'),
    field: 'spec.dra.deviceClasses[0].name',
    fix: 'DNS name, such as',
    taken: classes('gpu.example.com'),
  },
  {
    rule: 'images:VAL-4 class twice',
    refused: classes('a', 'a'),
    field: 'spec.dra.deviceClasses[1]',
    fix: 'Duplicate',
    taken: classes('a', 'b'),
  },
  {
    rule: 'images:1.3 names of objects, imageRepoSecret',
    refused: smallSpec({ spec: { imageRepoSecret: { name: 'A' } } }),
    field: 'spec.imageRepoSecret.name',
    fix: 'lower case letters, digits',
    taken: smallSpec({ spec: { imageRepoSecret: {} } }),
  },
  {
    rule: 'images:1.3 names of objects, secrets',
    refused: smallSpec({ mapping: { build: build({ secrets: [{ name: 'no name' }] }) } }),
    field: 'kernelMappings[0].build.secrets[0].name',
    fix: 'lower case letters, digits',
    taken: smallSpec({ mapping: { build: build({ secrets: [{ name: 'git-token' }] }) } }),
  },
  {
    rule: 'images:1.3 serviceAccountName',
    refused: smallSpec({ spec: { moduleLoader: loader({ serviceAccountName: 'a..b' }) } }),
    field: 'spec.moduleLoader.serviceAccountName',
    fix: 'the name of a ServiceAccount',
    taken: smallSpec({ spec: { moduleLoader: loader({ serviceAccountName: 'loader' }) } }),
  },
]
