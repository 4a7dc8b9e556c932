import fc from 'fast-check'
import { labels, moduleFinalizer } from '../api/names.ts'

/** The same cases each time, so that a red test is somebody's change; KMM_TEST_SEED looks for others. */
fc.configureGlobal({ seed: Number(process.env['KMM_TEST_SEED'] ?? 1) })

/** Texts that people and attackers write where something else is expected. */
const hostileText = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '/',
    '..',
    '-',
    '--remove',
    '$',
    '${',
    '${X',
    '$MOD_NAME',
    '${A:-${B}}',
    ':',
    '@',
    'a\nb',
  ),
  fc.constantFrom('(a+)+$', '(', '[', '\\', '*', '\u0000', '\u202e', '💥', 'é', '__proto__', 'constructor'),
  fc.constantFrom('x'.repeat(300), '/'.repeat(40), `${'a.'.repeat(130)}`),
  fc.string({ unit: 'binary', maxLength: 20 }),
)

/** Mostly what fits, now and then anything. */
const mostly = <T>(
  good: fc.Arbitrary<T>,
  odd: fc.Arbitrary<unknown> = hostileText,
  weight = 60,
): fc.Arbitrary<unknown> => fc.oneof({ weight, arbitrary: good }, { weight: 1, arbitrary: odd })
/** A structure, now and then another one. */
const structure = <T>(good: fc.Arbitrary<T>, ...others: unknown[]) =>
  mostly(good, fc.constantFrom(...others), 20)

const record = (members: Record<string, fc.Arbitrary<unknown>>, required: string[] = []) =>
  fc.record(members, { requiredKeys: required, noNullPrototype: true })
const list = (item: fc.Arbitrary<unknown>, minLength = 0, maxLength = 3) =>
  fc.array(item, { minLength, maxLength })

const word = fc.constantFrom('fpga', 'acme-core', 'snd_hda', 'a', 'gpu0')
const objectName = fc.constantFrom('registry', 'git-token', 'a.b', 'x')
const label = fc.constantFrom('yes', '', 'amd64', 'A_b.c')
const labelKey = fc.constantFrom('gpu', 'kubernetes.io/arch', 'example.com/A_b')
const selector = fc.dictionary(mostly(labelKey) as fc.Arbitrary<string>, mostly(label), {
  maxKeys: 2,
  noNullPrototype: true,
})
const reference = record({ name: mostly(objectName) }, ['name'])
const tls = record({ insecure: fc.boolean(), insecureSkipTLSVerify: fc.boolean() })
const image = mostly(
  fc.constantFrom(
    'reg.example/a:1',
    'reg.example:5000/a/b:${KERNEL_FULL_VERSION}',
    'reg.example/$MOD_NAMESPACE/$MOD_NAME:$KERNEL_XYZ',
    'busybox:latest',
    `reg.example/a@sha256:${'a'.repeat(64)}`,
    'reg.example/a:${KERNEL_X:-6}-${TYPO}',
    'Reg/A:1',
    'reg.example/a:${',
  ),
)
const inTree = { inTreeModulesToRemove: list(mostly(word)) }
const build = record(
  {
    dockerfileConfigMap: reference,
    buildArgs: list(
      record({ name: mostly(fc.constantFrom('REV', 'MOD_NAME')), value: hostileText }, ['name', 'value']),
    ),
    secrets: list(reference),
    baseImageRegistryTLS: tls,
    kanikoParams: record({ tag: mostly(fc.constantFrom('debug', 'v1')) }),
    selector,
  },
  ['dockerfileConfigMap'],
)
const sign = record(
  {
    unsignedImage: image,
    keySecret: reference,
    certSecret: reference,
    filesToSign: list(mostly(fc.constantFrom('/opt/a.ko', '/opt/lib/${KERNEL_FULL_VERSION}/*.ko')), 1),
  },
  ['keySecret', 'certSecret', 'filesToSign', 'unsignedImage'],
)
const regexp = mostly(fc.constantFrom('.', '^6[.]', '^(a+)+$', '[+]$', '^.+$', '(?i)amd64', '\\d+'))
const mapping = fc.oneof(
  record({ regexp, containerImage: image, build, registryTLS: tls, ...inTree }, ['regexp', 'containerImage']),
  record({ literal: mostly(fc.constantFrom('6.1.0-1-amd64', '6.1')), containerImage: image, sign }, [
    'literal',
    'containerImage',
  ]),
)
const argumentLists = record({ load: list(hostileText, 1), unload: list(hostileText, 1) })
const modprobe = fc.oneof(
  record(
    {
      moduleName: mostly(word),
      parameters: list(mostly(fc.constantFrom('debug=1', 'quiet', 'a="b c"'))),
      dirName: mostly(fc.constantFrom('/opt', '', '/', '/usr/local/', '/tmp', '/lib/modules', '/host')),
      args: argumentLists,
      rawArgs: fc.constant({}),
      firmwarePath: mostly(fc.constantFrom('/firmware', '', '/lib/firmware/')),
    },
    ['moduleName'],
  ),
  record(
    { rawArgs: record({ load: list(hostileText, 1), unload: list(hostileText, 1) }, ['load', 'unload']) },
    ['rawArgs'],
  ),
  fc.constant({ moduleName: 'a', modulesLoadingOrder: ['a', 'b', 'c'] }),
)
const container = record(
  {
    build,
    version: mostly(fc.constantFrom('1', 'v2.0-rc_1')),
    containerImage: image,
    imagePullPolicy: mostly(fc.constantFrom('', 'Always', 'IfNotPresent', 'Never')),
    kernelMappings: list(mapping, 1),
    modprobe,
    registryTLS: tls,
    ...inTree,
  },
  ['kernelMappings', 'modprobe'],
)
const toleration = record(
  {
    key: mostly(fc.constantFrom('gpu', 'example.com/gpu')),
    operator: mostly(fc.constantFrom('Exists', 'Equal', '')),
    effect: mostly(fc.constantFrom('', 'NoSchedule', 'NoExecute', 'PreferNoSchedule')),
  },
  ['key'],
)

/** Specs of Modules, about half of which the API server takes. */
export const moduleSpecs: fc.Arbitrary<Record<string, unknown>> = record(
  {
    selector: structure(selector, undefined, 'x', [], { a: 1 }),
    tolerations: list(toleration),
    imageRepoSecret: reference,
    imageRebuildTriggerGeneration: structure(fc.nat(), '1', 1.5),
    moduleLoader: structure(
      record({ serviceAccountName: mostly(fc.constant('default')), container }, ['container']),
      {},
      { container: {} },
      'x',
    ),
    devicePlugin: record(
      {
        container: fc.constant({ image: 'a:1' }),
        volumes: list(
          record(
            { name: word, hostPath: record({ path: mostly(fc.constantFrom('/dev', '/var/lib')) }, ['path']) },
            ['name'],
          ),
        ),
      },
      ['container'],
    ),
  },
  ['selector'],
) as fc.Arbitrary<Record<string, unknown>>

/** Module objects as an API server gives them. */
export const moduleObjects = fc
  .record({ spec: moduleSpecs, deleting: fc.boolean(), guarded: fc.boolean(), rest: fc.object() })
  .map(({ spec, deleting, guarded, rest }) => ({
    metadata: {
      namespace: 'drivers',
      name: 'fpga',
      uid: 'uid-1',
      resourceVersion: '1',
      generation: 3,
      finalizers: guarded ? [moduleFinalizer] : [],
      ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec,
    status: rest,
  }))

/** Kernel releases, of nodes that anybody may have built. */
export const kernels = fc.oneof(
  fc.constantFrom('6.1.0-1-amd64', '6.1.0+', '6.1', '', '5.10.0-rc1~x', `6.1.0-${'a'.repeat(60)}`, 'a.b.c:d'),
  fc.string({ unit: 'grapheme-ascii', maxLength: 30 }),
)

const taints = fc.array(
  fc.record({
    key: fc.constantFrom('gpu', 'node.kubernetes.io/unschedulable', 'example.com/gpu'),
    value: fc.constantFrom('', 'yes'),
    effect: fc.constantFrom('NoSchedule', 'NoExecute', 'PreferNoSchedule'),
  }),
  { maxLength: 2 },
)

/** A node with this kernel, in any state. */
export const nodesWith = (kernel: string, name: string) =>
  fc.record({
    name: fc.constant(name),
    uid: fc.constant(`uid-${name}`),
    kernel: fc.constant(kernel),
    bootId: fc.constantFrom('b1', 'b2', ''),
    architecture: fc.constantFrom('amd64', 'arm64'),
    osImage: hostileText,
    ready: fc.boolean(),
    labels: fc.dictionary(labelKey, label, { maxKeys: 2, noNullPrototype: true }),
    taints,
  })

/** Labels of a build pod as somebody may have edited them. */
export const podLabels = fc.record(
  {
    [labels.resourceType]: fc.constantFrom('BuildImage', 'x'),
    [labels.inputHash]: fc.constantFrom('h1', ''),
    [labels.attempt]: fc.constantFrom('1', '2', 'x', '-1'),
  },
  { requiredKeys: [], noNullPrototype: true },
)
