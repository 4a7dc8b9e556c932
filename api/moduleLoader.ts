import { z } from 'zod'
import { namedObject } from './kubernetesTypes.ts'
import { defaultDirName } from './loadCommand.ts'
import {
  buildRule,
  containerRules,
  fileToSignRules,
  imageRule,
  mappingRules,
  pullPolicyRule,
  regexpRule,
  tagRule,
  versionRule,
} from './moduleLoaderRules.ts'
import { inTreeNameRule, modprobeRules } from './modprobeRules.ts'
import { selectorRule } from './nameRules.ts'
import { ruled } from './rules.ts'

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
    dockerfileConfigMap: namedObject(
      'ConfigMap in the namespace of the Module that holds the Dockerfile under the key `dockerfile`.',
    ),
    buildArgs: z
      .array(buildArgSchema)
      .optional()
      .describe(
        'Build arguments. KERNEL_FULL_VERSION, KERNEL_VERSION, MOD_NAME and MOD_NAMESPACE are always set and win over values given here.',
      ),
    secrets: z
      .array(namedObject('A Secret of the namespace of the Module.'))
      .optional()
      .meta({ description: 'Secrets that the build sees at /run/secrets/<name>.', maxItems: 32 }),
    baseImageRegistryTLS: tlsOptionsSchema
      .optional()
      .describe('How to pull the base images of the Dockerfile.'),
    kanikoParams: z
      .looseObject({
        tag: z
          .string()
          .optional()
          .meta({
            description: 'Tag of the build executor, such as debug.',
            maxLength: 128,
            ...ruled(tagRule),
          }),
      })
      .optional()
      .describe('Settings of the build executor.'),
    selector: z
      .record(z.string(), z.string())
      .optional()
      .meta({
        description: 'Labels of the nodes on which the build may run; {} allows every node.',
        ...ruled(selectorRule),
      }),
  })
  .meta({ description: 'How to build the image when the registry does not have it.', ...ruled(buildRule) })
export type Build = z.infer<typeof buildSchema>

export const signSchema = z
  .looseObject({
    unsignedImage: z
      .string()
      .optional()
      .meta({ description: 'Image to sign when there is no build section.', maxLength: 1024 }),
    unsignedImageRegistryTLS: tlsOptionsSchema.optional().describe('How to pull the unsigned image.'),
    keySecret: namedObject('Secret with the private key under the key `key`.'),
    certSecret: namedObject('Secret with the certificate under the key `cert`.'),
    filesToSign: z
      .array(z.string().meta({ maxLength: 256, ...ruled(...fileToSignRules) }))
      .min(1)
      .meta({
        description:
          'Absolute paths of the module files in the image, below modprobe.dirName; * ? [ ] may stand in them.',
        maxItems: 64,
      }),
  })
  .meta({ description: 'How to sign the modules for nodes with Secure Boot.' })
export type Sign = z.infer<typeof signSchema>

const argumentList = (description: string) =>
  z
    .array(z.string().meta({ maxLength: 1024 }))
    .min(1)
    .optional()
    .meta({ description, maxItems: 64 })

const argumentLists = (what: string) =>
  z
    .looseObject({
      load: argumentList('For loading.'),
      unload: argumentList('For unloading.'),
    })
    .meta({ description: what })

export const modprobeSchema = z
  .looseObject({
    moduleName: z
      .string()
      .optional()
      .meta({ description: 'Name of the kernel module. May be absent only with rawArgs.', maxLength: 256 }),
    parameters: z
      .array(z.string().meta({ maxLength: 1024 }))
      .optional()
      .meta({ description: 'Module parameters, such as debug=1.', maxItems: 128 }),
    dirName: z.string().default(defaultDirName).meta({
      description: 'Directory of the image that holds lib/modules/<kernel release>.',
      maxLength: 256,
    }),
    args: argumentLists('Arguments of modprobe placed before the module name.').optional(),
    rawArgs: argumentLists('The complete arguments of modprobe, in place of everything else.').optional(),
    firmwarePath: z.string().optional().meta({
      description: 'Directory of the image whose files are copied to the firmware directory of the node.',
      maxLength: 1024,
    }),
    modulesLoadingOrder: z
      .array(z.string().meta({ maxLength: 256 }))
      .optional()
      .meta({
        description: 'The module and those it needs: the first is moduleName, the last is loaded first.',
        maxItems: 64,
      }),
  })
  .meta({ description: 'How to load and unload the module.' })
export type Modprobe = z.infer<typeof modprobeSchema>

const inTreeModuleToRemove = z
  .string()
  .optional()
  .meta({ description: 'Deprecated: use inTreeModulesToRemove.', maxLength: 256, ...ruled(inTreeNameRule) })
const inTreeModulesToRemove = z
  .array(z.string().meta({ maxLength: 128, ...ruled(inTreeNameRule) }))
  .optional()
  .meta({
    description: 'Modules of the distribution that are unloaded first. They are not loaded back.',
    maxItems: 64,
  })

const imageSchema = z.string().meta({ maxLength: 1024, ...ruled(imageRule) })

export const kernelMappingSchema = z
  .looseObject({
    literal: z.string().optional().meta({ description: 'The kernel release, exactly.', maxLength: 256 }),
    regexp: z.string().optional().meta({
      description: 'Regular expression (RE2) found anywhere in the kernel release.',
      maxLength: 4096,
    }),
    containerImage: imageSchema.describe(
      'The kmod image. Knows the variables KERNEL_FULL_VERSION, KERNEL_VERSION, KERNEL_X, KERNEL_Y, KERNEL_Z, KERNEL_XYZ, KERNEL_RAW_VERSION, MOD_NAME and MOD_NAMESPACE. Empty: that of the container.',
    ),
    build: buildSchema.optional(),
    sign: signSchema.optional(),
    registryTLS: tlsOptionsSchema.optional(),
    inTreeModuleToRemove,
    inTreeModulesToRemove,
  })
  .meta({ description: 'What to do on nodes with a kernel.', ...ruled(...mappingRules) })
export type KernelMapping = z.infer<typeof kernelMappingSchema>

export const moduleLoaderContainerSchema = z
  .looseObject({
    build: buildSchema.optional(),
    sign: signSchema.optional(),
    version: z
      .string()
      .optional()
      .meta({ description: 'Version for ordered upgrades.', maxLength: 256, ...ruled(versionRule) }),
    containerImage: imageSchema.optional().describe('The kmod image of mappings that name none.'),
    imagePullPolicy: z
      .string()
      .optional()
      .meta({ description: 'Pull policy of the kmod image.', maxLength: 64, ...ruled(pullPolicyRule) }),
    kernelMappings: z
      .array(kernelMappingSchema)
      .min(1)
      .meta({
        description: 'For which kernels the module exists; the first that matches wins.',
        maxItems: 256,
        ...ruled(regexpRule),
      }),
    modprobe: modprobeSchema.meta(ruled(...modprobeRules)),
    registryTLS: tlsOptionsSchema.optional(),
    inTreeModuleToRemove,
    inTreeModulesToRemove,
  })
  .meta({ description: 'The kmod image and how to load it.', ...ruled(...containerRules) })
