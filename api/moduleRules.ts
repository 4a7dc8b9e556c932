import type { Toleration } from './kubernetesTypes.ts'
import { celText, matches, type Fault, type Rule } from './rules.ts'

/** A qualified name: an optional DNS prefix and "/", then at most 63 characters. */
const qualifiedName = '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'
const labelValue = '^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$'
const dnsSubdomain = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'

/** Lengths that Kubernetes allows: prefix, "/" and name; a label value. */
export const tolerationLengths = { key: 317, operator: 16, value: 63, effect: 32 }

/** images:VAL-3; Kubernetes itself would refuse the pods only. */
export const tolerationRules: readonly Rule<Toleration>[] = [
  {
    id: 'images:VAL-3 operator',
    rule: "!has(self.operator) || self.operator in ['', 'Exists', 'Equal']",
    message: 'must be Exists or Equal',
    fieldPath: '.operator',
    holds: ({ operator = '' }) => ['', 'Exists', 'Equal'].includes(operator),
  },
  {
    id: 'images:VAL-3 effect',
    rule: "!has(self.effect) || self.effect in ['', 'NoSchedule', 'PreferNoSchedule', 'NoExecute']",
    message: 'must be NoSchedule, PreferNoSchedule or NoExecute',
    fieldPath: '.effect',
    holds: ({ effect = '' }) => ['', 'NoSchedule', 'PreferNoSchedule', 'NoExecute'].includes(effect),
  },
  {
    id: 'images:VAL-3 empty key',
    rule: "has(self.key) && self.key != '' || has(self.operator) && self.operator == 'Exists'",
    message: 'without a key the operator must be Exists',
    fieldPath: '.operator',
    holds: ({ key, operator }) => Boolean(key) || operator === 'Exists',
  },
  {
    id: 'images:VAL-3 key',
    rule: `!has(self.key) || self.key == '' || self.key.matches(${celText(qualifiedName)})`,
    message: 'must be the key of a taint, such as example.com/gpu',
    fieldPath: '.key',
    holds: ({ key = '' }) => key === '' || matches(key, qualifiedName),
  },
  {
    id: 'images:VAL-3 value with Exists',
    rule: "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || self.value == ''",
    message: 'must be empty when the operator is Exists',
    fieldPath: '.value',
    holds: ({ operator, value }) => operator !== 'Exists' || !value,
  },
  {
    id: 'images:VAL-3 value',
    rule: `!has(self.value) || self.value.matches(${celText(labelValue)})`,
    message: 'must be the value of a taint: letters, digits, "-", "_" and ".", at most 63',
    fieldPath: '.value',
    holds: ({ value = '' }) => matches(value, labelValue),
  },
  {
    id: 'images:VAL-3 seconds',
    rule: "!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",
    message: 'needs the effect NoExecute',
    fieldPath: '.tolerationSeconds',
    holds: ({ tolerationSeconds, effect }) => tolerationSeconds === undefined || effect === 'NoExecute',
  },
]

/** images:API-V1 */
export const oneConsumer: Rule<{ readonly dra?: unknown; readonly devicePlugin?: unknown }> = {
  id: 'images:API-V1',
  rule: '!has(self.dra) || !has(self.devicePlugin)',
  message: 'give devicePlugin or dra, not both',
  fieldPath: '.dra',
  holds: ({ dra, devicePlugin }) => dra === undefined || devicePlugin === undefined,
}

/** images:VAL-4, for names of DRA drivers and of DeviceClasses. */
export const dnsNameRule: Rule<string> = {
  id: 'images:VAL-4 name',
  rule: `self.matches(${celText(dnsSubdomain)})`,
  message: 'must be a DNS name, such as gpu.example.com',
  holds: (name) => matches(name, dnsSubdomain),
}

interface HostPathVolume {
  readonly name?: unknown
  readonly hostPath?: unknown
}
interface Consumer {
  readonly volumes?: readonly HostPathVolume[] | undefined
}

/** The longest label on a node holds name and namespace, and has 63 characters. */
const nameLimit = 41
const hostFolders = '^/(dev|sys|var|opt|run)(/|$)'
const parentFolder = '(^|/)[.][.](/|$)'

/** The rules of deploy/policies/module.yaml, for Modules that were stored before it (images:VAL-2, VAL-5). */
export function storageFaults(
  metadata: { readonly namespace: string; readonly name: string },
  spec: {
    readonly selector: Readonly<Record<string, string>>
    readonly devicePlugin?: Consumer | undefined
    readonly dra?: Consumer | undefined
  },
): Fault[] {
  const length = metadata.name.length + metadata.namespace.length
  const tooLong = `name and namespace may have ${nameLimit} characters together, these have ${length}`
  return [
    ...(length > nameLimit ? [{ field: 'metadata.name', message: tooLong }] : []),
    ...hostPathFaults('spec.devicePlugin', spec.devicePlugin),
    ...hostPathFaults('spec.dra', spec.dra),
    ...Object.entries(spec.selector)
      .filter(([key, value]) => !matches(key, qualifiedName) || !matches(value, labelValue))
      .map(([key, value]) => ({
        field: `spec.selector[${key}]`,
        message: `no node can have the label ${key}=${value}`,
      })),
  ]
}

function hostPathFaults(field: string, consumer: Consumer | undefined): Fault[] {
  return (consumer?.volumes ?? []).flatMap(({ name, hostPath }) => {
    const path = (hostPath as { path?: unknown } | undefined)?.path
    if (typeof path !== 'string') return []
    if (matches(path, hostFolders) && !matches(path, parentFolder)) return []
    const message = 'a hostPath must be, or lie below, /dev, /sys, /var, /opt or /run'
    return [{ field: `${field}.volumes[${String(name)}].hostPath.path`, message }]
  })
}
