import { celText, matches, type Rule } from './rules.ts'

/** A qualified name: an optional DNS prefix and "/", then at most 63 characters. */
export const qualifiedName =
  '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'
export const labelValue = '^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$'
const dnsSubdomain = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'

/** images:VAL-4, for names of DRA drivers and of DeviceClasses. */
export const dnsNameRule: Rule<string> = {
  id: 'images:VAL-4 name',
  rule: `self.matches(${celText(dnsSubdomain)})`,
  message: 'must be a DNS name, such as gpu.example.com',
  holds: (name) => matches(name, dnsSubdomain),
}

const objectName = '^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$'

/** images:1.3 Better: no object can have another name. Shorter than the whole truth, for the budget of long lists. */
export const objectNameRule: Rule<string> = {
  id: 'images:1.3 names of objects',
  rule: `self == '' || self.matches(${celText(objectName)})`,
  message: 'must be the name of an object: lower case letters, digits, "-" and "."',
  holds: (name) => name === '' || matches(name, objectName),
}

/** images:1.3 Better: no pod could be made with another one. */
export const serviceAccountRule: Rule<string> = {
  id: 'images:1.3 serviceAccountName',
  rule: `self == '' || self.matches(${celText(dnsSubdomain)})`,
  message: 'must be the name of a ServiceAccount: lower case letters, digits, "-" and "."',
  holds: (name) => name === '' || matches(name, dnsSubdomain),
}

/** nodes:WH-22 Better, by the policy: no node can have other labels, and no pod can ask for them. */
export const selectorRule: Rule<Readonly<Record<string, string>>> = {
  id: 'nodes:WH-22 selector',
  message: 'no node can have such a label: keys are like example.com/gpu, values like yes or empty',
  holds: (selector) =>
    Object.entries(selector).every(
      ([key, value]) => matches(key, qualifiedName) && matches(value, labelValue),
    ),
}
