import { z } from 'zod'
import { devicePluginSchema, draSchema } from './consumers.ts'
import { namedObject, objectMetaSchema, tolerationSchema } from './kubernetesTypes.ts'
import { moduleLoaderContainerSchema } from './moduleLoader.ts'
import { oneConsumer, tolerationLengths, tolerationRules } from './moduleRules.ts'
import { selectorRule, serviceAccountRule } from './nameRules.ts'
import { moduleStatusSchema } from './moduleStatus.ts'
import { ruled } from './rules.ts'

/** `spec` of a Module, complete as in KMM (images:1.1). Unknown fields are kept, so a newer CRD does no harm. */
export const moduleSpecSchema = z
  .looseObject({
    selector: z.record(z.string(), z.string()).meta({
      description: 'Labels of the nodes that get the module; {} selects every node.',
      ...ruled(selectorRule),
    }),
    tolerations: z
      .array(
        tolerationSchema.meta({
          'x-kubernetes-max-lengths': tolerationLengths,
          ...ruled(...tolerationRules),
        }),
      )
      .optional()
      .meta({
        description: 'Taints of nodes that are no obstacle, and tolerations of all pods made for the Module.',
        maxItems: 64,
      }),
    imageRepoSecret: namedObject(
      'Secret of type kubernetes.io/dockerconfigjson for pulling and pushing images.',
    ).optional(),
    imageRebuildTriggerGeneration: z
      .int()
      .optional()
      .describe('Change it to have all images looked up again.'),
    moduleLoader: z
      .looseObject({
        serviceAccountName: z
          .string()
          .optional()
          .meta({
            description: 'ServiceAccount of the worker pods.',
            maxLength: 253,
            ...ruled(serviceAccountRule),
          }),
        container: moduleLoaderContainerSchema,
      })
      .optional()
      .describe('The kernel module. Without it the Module runs only a device plugin or DRA driver.'),
    devicePlugin: devicePluginSchema.optional(),
    dra: draSchema.optional(),
  })
  .meta({ description: 'What to load, and where.', ...ruled(oneConsumer) })
export type ModuleSpec = z.infer<typeof moduleSpecSchema>

export const moduleSchema = z.looseObject({
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  metadata: objectMetaSchema.extend({ namespace: z.string() }),
  spec: moduleSpecSchema,
  status: moduleStatusSchema.optional(),
})
export type Module = z.infer<typeof moduleSchema>

export type { DevicePlugin, DynamicResourceAllocation } from './consumers.ts'
export type { Taint, Toleration } from './kubernetesTypes.ts'
export type { Build, BuildArg, KernelMapping, Modprobe, Sign, TLSOptions } from './moduleLoader.ts'
export { kernelPhases } from './moduleStatus.ts'
export type {
  BuildOrigin,
  Condition,
  Counters,
  KernelPhase,
  KernelStatus,
  ModuleStatus,
} from './moduleStatus.ts'
