import { celText, matches, type Rule } from './rules.ts'

// What the rules need of the types in moduleLoader.ts, which are made with the rules.
interface InTreeForms {
  readonly inTreeModuleToRemove?: string | undefined
  readonly inTreeModulesToRemove?: readonly string[] | undefined
}
interface ImageSource {
  readonly build?: unknown
  readonly sign?:
    | { readonly unsignedImage?: string | undefined; readonly filesToSign: readonly string[] }
    | undefined
}
interface MappingLike extends InTreeForms, ImageSource {
  readonly literal?: string | undefined
  readonly regexp?: string | undefined
}
interface ContainerLike extends InTreeForms, ImageSource {
  readonly kernelMappings: readonly MappingLike[]
  readonly modprobe: { readonly dirName: string }
}

const dots = '(^|/)[.][.]?(/|$)'
const tag = '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$'
const labelValue = '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$'
/** Control characters, space, quotes, the backslash, and `! # & ( ) ; < > | ~`. */
const shellCharacter = '[\\x00-#&-);<>\\\\`|~]'
const pullPolicies = ['', 'Always', 'IfNotPresent', 'Never']

/** nodes:WH-8 Better: pods with another policy would be refused. */
export const pullPolicyRule: Rule<string> = {
  id: 'nodes:WH-8 imagePullPolicy',
  rule: `self in ${JSON.stringify(pullPolicies).replaceAll('"', "'")}`,
  message: 'must be Always, IfNotPresent or Never',
  holds: (policy) => pullPolicies.includes(policy),
}

/** images:BLD-3: it becomes the tag of the executor's image. */
export const tagRule: Rule<string> = {
  id: 'images:BLD-3 kanikoParams.tag',
  rule: `self == '' || self.matches(${celText(tag)})`,
  message: 'must be a tag of an image, such as debug',
  holds: (value) => value === '' || matches(value, tag),
}

export const versionRule: Rule<string> = {
  id: 'nodes:WH-22 version',
  rule: `self.size() <= 63 && self.matches(${celText(labelValue)})`,
  message:
    'becomes a label: at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends',
  holds: (version) => version.length <= 63 && matches(version, labelValue),
}

/** images:VAL-10 with its Better; `$` and `{}` are for templates. */
export const fileToSignRules: readonly Rule<string>[] = [
  {
    id: 'images:VAL-10 path',
    rule: `self.startsWith('/') && !self.matches(${celText(dots)})`,
    message: 'must be an absolute path without "." and ".." parts',
    holds: (file) => file.startsWith('/') && !matches(file, dots),
  },
  {
    id: 'images:VAL-10 characters',
    rule: `!self.matches(${celText(shellCharacter)})`,
    message: 'must not hold spaces and characters of a shell other than * ? [ ]',
    holds: (file) => !matches(file, shellCharacter),
  },
]

/** images:VAL-8, better: the ":" before a registry's port is no tag. */
export const imageRule: Rule<string> = {
  id: 'images:VAL-8 tag',
  rule: "self == '' || self.contains('@') || self.matches(':[^/]*$')",
  message: 'an image needs a tag or a digest, such as :${KERNEL_FULL_VERSION}',
}

/**
 * images:VAL-8. A bad expression is an error of the rule itself, which refuses; its text names the expression and the
 * fault. Errors count for unchanged values too, unlike broken rules: without a look at the former list, a Module that
 * was stored with a bad expression could get no status and no finalizer. Items of a list have no former value.
 */
export const regexpRule: Rule<unknown> = {
  id: 'images:VAL-8 regexp',
  rule: "oldSelf.hasValue() && oldSelf.value() == self || self.all(m, !has(m.regexp) || ''.matches(m.regexp) || !''.matches(m.regexp))",
  message: 'regexp must be a valid RE2 regular expression',
  optionalOldSelf: true,
}

export const buildRule: Rule<{ readonly dockerfileConfigMap: { readonly name: string } }> = {
  id: 'images:1.3 Dockerfile',
  rule: "has(self.dockerfileConfigMap.name) && self.dockerfileConfigMap.name != ''",
  message: 'must name the ConfigMap that holds the Dockerfile',
  fieldPath: '.dockerfileConfigMap.name',
  holds: (build) => build.dockerfileConfigMap.name !== '',
}

/** images:VAL-7 on one level. */
export const oneInTreeForm: Rule<InTreeForms> = {
  id: 'images:VAL-7 in-tree',
  rule: "!has(self.inTreeModulesToRemove) || !has(self.inTreeModuleToRemove) || self.inTreeModuleToRemove == ''",
  message: 'give inTreeModulesToRemove or the deprecated inTreeModuleToRemove, not both',
  fieldPath: '.inTreeModuleToRemove',
  holds: ({ inTreeModuleToRemove: one, inTreeModulesToRemove: list }) => list === undefined || !one,
}

export const mappingRules: readonly Rule<MappingLike>[] = [
  {
    id: 'images:VAL-8 one of literal and regexp',
    rule: "(has(self.literal) && self.literal != '') != (has(self.regexp) && self.regexp != '')",
    message: 'give exactly one of literal and regexp',
    holds: ({ literal, regexp }) => Boolean(literal) !== Boolean(regexp),
  },
  oneInTreeForm,
]

/** The directory with exactly one "/" at its end, as files below it begin. */
const below = "(self.modprobe.dirName.endsWith('/') ? self.modprobe.dirName : self.modprobe.dirName + '/')"
const liesBelow = (file: string, dirName: string) =>
  file.startsWith(dirName.endsWith('/') ? dirName : `${dirName}/`)

export const containerRules: readonly Rule<ContainerLike>[] = [
  oneInTreeForm,
  {
    id: 'images:VAL-1',
    rule: "(has(self.version) && self.version != '') == (has(oldSelf.version) && oldSelf.version != '')",
    message: 'version cannot be added or removed later: create the Module again',
    fieldPath: '.version',
  },
  {
    id: 'images:VAL-8 image',
    rule: "has(self.containerImage) && self.containerImage != '' || self.kernelMappings.all(m, m.containerImage != '')",
    message: 'a mapping names no containerImage, and there is none for all',
    fieldPath: '.containerImage',
  },
  {
    // Nothing of the deprecated form beside the list of another level.
    id: 'images:VAL-8 in-tree',
    rule: "(!has(self.inTreeModulesToRemove) || self.kernelMappings.all(m, !has(m.inTreeModuleToRemove) || m.inTreeModuleToRemove == '')) && (!has(self.inTreeModuleToRemove) || self.inTreeModuleToRemove == '' || self.kernelMappings.all(m, !has(m.inTreeModulesToRemove)))",
    message:
      'use inTreeModulesToRemove in the container and in every mapping, not the deprecated form in one of them',
    holds: ({ inTreeModuleToRemove: one, inTreeModulesToRemove: list, kernelMappings }) =>
      (list === undefined || kernelMappings.every((m) => !m.inTreeModuleToRemove)) &&
      (!one || kernelMappings.every((m) => m.inTreeModulesToRemove === undefined)),
  },
  {
    id: 'images:VAL-10 below dirName',
    rule: `!has(self.sign) || !has(self.sign.filesToSign) || self.sign.filesToSign.all(f, f.startsWith(${below}))`,
    message: 'every file to sign lies below modprobe.dirName',
    fieldPath: '.sign.filesToSign',
    holds: ({ sign, modprobe }) =>
      sign?.filesToSign.every((file) => liesBelow(file, modprobe.dirName)) ?? true,
  },
  {
    id: 'images:VAL-10 below dirName, mappings',
    rule: `self.kernelMappings.all(m, !has(m.sign) || !has(m.sign.filesToSign) || m.sign.filesToSign.all(f, f.startsWith(${below})))`,
    message: 'every file to sign lies below modprobe.dirName',
    fieldPath: '.kernelMappings',
    holds: ({ kernelMappings, modprobe }) =>
      kernelMappings.every(
        (m) => m.sign?.filesToSign.every((file) => liesBelow(file, modprobe.dirName)) ?? true,
      ),
  },
  {
    // A Module of KMM works without as long as its images exist: signing says it then.
    id: 'images:1.3 unsignedImage',
    rule: "self.kernelMappings.all(m, !has(m.sign) && !has(self.sign) || has(m.build) || has(self.build) || has(m.sign) && has(m.sign.unsignedImage) && m.sign.unsignedImage != '' || has(self.sign) && has(self.sign.unsignedImage) && self.sign.unsignedImage != '')",
    message: 'sign without build needs sign.unsignedImage, the image whose modules are signed',
  },
]
