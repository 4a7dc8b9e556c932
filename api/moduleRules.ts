import type { Toleration } from './kubernetesTypes.ts'
import { labelValue, qualifiedName } from './nameRules.ts'
import { celText, matches, type Fault, type Rule } from './rules.ts'

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

const hostFolders = '^/(dev|sys|var|opt|run)(/|$)'
const parentFolder = '(^|/)[.][.](/|$)'

/** images:VAL-5, by the policy. */
export const hostPathRule: Rule<{ readonly hostPath?: unknown }> = {
  id: 'images:VAL-5',
  message: 'a hostPath must be, or lie below, /dev, /sys, /var, /opt or /run',
  fieldPath: '.hostPath.path',
  holds: ({ hostPath }) => {
    const path = (hostPath as { readonly path?: unknown } | undefined)?.path
    return typeof path !== 'string' || (matches(path, hostFolders) && !matches(path, parentFolder))
  },
}

/** The longest label on a node holds name and namespace, and has 63 characters. */
const nameLimit = 41

/** images:VAL-2, by the policy: names of a Module that was stored before it. */
export function nameFaults(metadata: { readonly namespace: string; readonly name: string }): Fault[] {
  const length = metadata.name.length + metadata.namespace.length
  if (length <= nameLimit) return []
  const message = `name and namespace may have ${nameLimit} characters together, these have ${length}`
  return [{ field: 'metadata.name', message }]
}
