import { z } from 'zod'
import { localReference } from './kubernetesTypes.ts'
import { defaultDirName } from './loadCommand.ts'

/** How to speak to a registry; absent means HTTPS with a verified certificate. */
export const tlsOptionsSchema = z
  .looseObject({
    insecure: z.boolean().optional().describe('Use plain HTTP. Not recommended.'),
    insecureSkipTLSVerify: z
      .boolean()
      .optional()
      .describe("Accept any certificate of the registry's server. Not recommended."),
  })
  .meta({ description: 'How to speak to the registry.' })
export type TLSOptions = z.infer<typeof tlsOptionsSchema>

const buildArgSchema = z.looseObject({
  name: z.string().describe('Name of the ARG in the Dockerfile.'),
  value: z.string().describe('Its value.'),
})
export type BuildArg = z.infer<typeof buildArgSchema>

export const buildSchema = z
  .looseObject({
    dockerfileConfigMap: localReference(
      'ConfigMap in the namespace of the Module that holds the Dockerfile under the key `dockerfile`.',
    ),
    buildArgs: z
      .array(buildArgSchema)
      .optional()
      .describe(
        'Build arguments. KERNEL_FULL_VERSION, KERNEL_VERSION, MOD_NAME and MOD_NAMESPACE are always set and win over values given here.',
      ),
    secrets: z
      .array(localReference('A Secret of the namespace of the Module.'))
      .optional()
      .describe('Secrets that the build sees at /run/secrets/<name>.'),
    baseImageRegistryTLS: tlsOptionsSchema
      .optional()
      .describe('How to pull the base images of the Dockerfile.'),
    kanikoParams: z
      .looseObject({ tag: z.string().optional().describe('Tag of the build executor, such as debug.') })
      .optional()
      .describe('Settings of the build executor.'),
    selector: z
      .record(z.string(), z.string())
      .optional()
      .describe('Labels of the nodes on which the build may run; {} allows every node.'),
  })
  .meta({ description: 'How to build the image when the registry does not have it.' })
export type Build = z.infer<typeof buildSchema>

/** images:VAL-10 */
const cleanPath = {
  rule: "self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')",
  message: 'must be an absolute path without ".."',
}

export const signSchema = z
  .looseObject({
    unsignedImage: z.string().optional().describe('Image to sign when there is no build section.'),
    unsignedImageRegistryTLS: tlsOptionsSchema.optional().describe('How to pull the unsigned image.'),
    keySecret: localReference('Secret with the private key under the key `key`.'),
    certSecret: localReference('Secret with the certificate under the key `cert`.'),
    filesToSign: z
      .array(
        z
          .string()
          .max(256)
          .meta({ 'x-kubernetes-validations': [cleanPath] }),
      )
      .min(1)
      .max(64)
      .describe(
        'Absolute paths of the module files in the image, below modprobe.dirName; * ? [ ] may stand in them.',
      ),
  })
  .meta({ description: 'How to sign the modules for nodes with Secure Boot.' })
export type Sign = z.infer<typeof signSchema>

const argumentLists = (what: string) =>
  z
    .looseObject({
      load: z.array(z.string()).min(1).optional().describe('For loading.'),
      unload: z.array(z.string()).min(1).optional().describe('For unloading.'),
    })
    .meta({ description: what })

export const modprobeSchema = z
  .looseObject({
    moduleName: z
      .string()
      .max(256)
      .optional()
      .describe('Name of the kernel module. May be absent only with rawArgs.'),
    parameters: z.array(z.string()).optional().describe('Module parameters, such as debug=1.'),
    dirName: z
      .string()
      .max(256)
      .default(defaultDirName)
      .describe('Directory of the image that holds lib/modules/<kernel release>.'),
    args: argumentLists('Arguments of modprobe placed before the module name.').optional(),
    rawArgs: argumentLists('The complete arguments of modprobe, in place of everything else.').optional(),
    firmwarePath: z
      .string()
      .optional()
      .describe('Directory of the image whose files are copied to the firmware directory of the node.'),
    modulesLoadingOrder: z
      .array(z.string().max(256))
      .max(64)
      .optional()
      .describe('The module and those it needs: the first is moduleName, the last is loaded first.'),
  })
  .meta({ description: 'How to load and unload the module.' })
export type Modprobe = z.infer<typeof modprobeSchema>

/** images:VAL-9 */
const modprobeRules = [
  {
    rule: "has(self.moduleName) && self.moduleName != '' ? !has(self.rawArgs) || !has(self.rawArgs.load) && !has(self.rawArgs.unload) : has(self.rawArgs) && has(self.rawArgs.load) && has(self.rawArgs.unload)",
    message: 'give either moduleName, or both rawArgs.load and rawArgs.unload',
  },
  {
    rule: "!has(self.modulesLoadingOrder) || self.modulesLoadingOrder.size() >= 2 && has(self.moduleName) && self.moduleName != '' && self.modulesLoadingOrder[0] == self.moduleName",
    message: 'modulesLoadingOrder needs at least two names, of which the first is moduleName',
    fieldPath: '.modulesLoadingOrder',
  },
  {
    rule: '!has(self.modulesLoadingOrder) || self.modulesLoadingOrder.all(m, self.modulesLoadingOrder.exists_one(n, n == m))',
    message: 'modulesLoadingOrder must not name a module twice',
    fieldPath: '.modulesLoadingOrder',
  },
]

const inTreeModuleToRemove = z.string().optional().describe('Deprecated: use inTreeModulesToRemove.')
const inTreeModulesToRemove = z
  .array(z.string())
  .optional()
  .describe('Modules of the distribution that are unloaded first. They are not loaded back.')

/** images:VAL-7 on one level. */
const oneInTreeForm = {
  rule: "!has(self.inTreeModulesToRemove) || !has(self.inTreeModuleToRemove) || self.inTreeModuleToRemove == ''",
  message: 'give inTreeModulesToRemove or the deprecated inTreeModuleToRemove, not both',
  fieldPath: '.inTreeModuleToRemove',
}

/** images:VAL-7, VAL-8, better: the ":" before a registry's port is no tag. */
const imageHasTag = {
  rule: "self == '' || self.contains('@') || self.matches(':[^/]*$')",
  message: 'an image needs a tag or a digest, such as :${KERNEL_FULL_VERSION}',
}
const imageSchema = z
  .string()
  .max(1024)
  .meta({ 'x-kubernetes-validations': [imageHasTag] })

export const kernelMappingSchema = z
  .looseObject({
    literal: z.string().max(256).optional().describe('The kernel release, exactly.'),
    regexp: z
      .string()
      .max(256)
      .optional()
      .meta({
        description: 'Regular expression (RE2) found anywhere in the kernel release.',
        'x-kubernetes-validations': [
          {
            // A bad expression is an error of the rule itself, which refuses; its text names the fault.
            rule: "''.matches(self) || !''.matches(self)",
            message: 'not a valid RE2 regular expression',
          },
        ],
      }),
    containerImage: imageSchema.describe(
      'The kmod image. Knows the variables KERNEL_FULL_VERSION, KERNEL_VERSION, KERNEL_X, KERNEL_Y, KERNEL_Z, KERNEL_XYZ, MOD_NAME and MOD_NAMESPACE. Empty: that of the container.',
    ),
    build: buildSchema.optional(),
    sign: signSchema.optional(),
    registryTLS: tlsOptionsSchema.optional(),
    inTreeModuleToRemove,
    inTreeModulesToRemove,
  })
  .meta({
    description: 'What to do on nodes with a kernel.',
    'x-kubernetes-validations': [
      {
        rule: "(has(self.literal) && self.literal != '') != (has(self.regexp) && self.regexp != '')",
        message: 'give exactly one of literal and regexp',
      },
      oneInTreeForm,
    ],
  })
export type KernelMapping = z.infer<typeof kernelMappingSchema>

export const moduleLoaderContainerSchema = z
  .looseObject({
    build: buildSchema.optional(),
    sign: signSchema.optional(),
    version: z.string().max(63).optional().describe('Version for ordered upgrades.'),
    containerImage: imageSchema.optional().describe('The kmod image of mappings that name none.'),
    imagePullPolicy: z.string().optional().describe('Pull policy of the kmod image.'),
    kernelMappings: z
      .array(kernelMappingSchema)
      .min(1)
      .max(256)
      .describe('For which kernels the module exists; the first that matches wins.'),
    modprobe: modprobeSchema.meta({ 'x-kubernetes-validations': modprobeRules }),
    registryTLS: tlsOptionsSchema.optional(),
    inTreeModuleToRemove,
    inTreeModulesToRemove,
  })
  .meta({
    description: 'The kmod image and how to load it.',
    'x-kubernetes-validations': [
      oneInTreeForm,
      {
        // images:VAL-1
        rule: "(has(self.version) && self.version != '') == (has(oldSelf.version) && oldSelf.version != '')",
        message: 'version cannot be added or removed later: create the Module again',
        fieldPath: '.version',
      },
      {
        rule: "has(self.containerImage) && self.containerImage != '' || self.kernelMappings.all(m, m.containerImage != '')",
        message: 'a mapping names no containerImage, and there is none for all',
        fieldPath: '.containerImage',
      },
      {
        // images:VAL-8: no mix of the two forms between the levels
        rule: "(!has(self.inTreeModulesToRemove) || self.kernelMappings.all(m, !has(m.inTreeModuleToRemove) || m.inTreeModuleToRemove == '')) && (!has(self.inTreeModuleToRemove) || self.inTreeModuleToRemove == '' || self.kernelMappings.all(m, !has(m.inTreeModulesToRemove)))",
        message:
          'use inTreeModulesToRemove in the container and in every mapping, not the deprecated form in one of them',
      },
      {
        // images:VAL-10
        rule: "!has(self.sign) || self.sign.filesToSign.all(f, f.startsWith(self.modprobe.dirName + '/'))",
        message: 'every file to sign lies below modprobe.dirName',
        fieldPath: '.sign.filesToSign',
      },
      {
        rule: "self.kernelMappings.all(m, !has(m.sign) || m.sign.filesToSign.all(f, f.startsWith(self.modprobe.dirName + '/')))",
        message: 'every file to sign lies below modprobe.dirName',
        fieldPath: '.kernelMappings',
      },
    ],
  })
