import { z } from 'zod'
import { devicePluginSchema, draSchema } from './consumers.ts'
import { localReference, objectMetaSchema, tolerationSchema } from './kubernetesTypes.ts'
import { moduleLoaderContainerSchema } from './moduleLoader.ts'
import { moduleStatusSchema } from './moduleStatus.ts'

/** images:VAL-3; Kubernetes itself would refuse the pods only. */
const tolerationRules = [
  {
    rule: "!has(self.operator) || self.operator in ['', 'Exists', 'Equal']",
    message: 'must be Exists or Equal',
    fieldPath: '.operator',
  },
  {
    rule: "!has(self.effect) || self.effect in ['', 'NoSchedule', 'PreferNoSchedule', 'NoExecute']",
    message: 'must be NoSchedule, PreferNoSchedule or NoExecute',
    fieldPath: '.effect',
  },
  {
    rule: "has(self.key) && self.key != '' || has(self.operator) && self.operator == 'Exists'",
    message: 'without a key the operator must be Exists',
    fieldPath: '.operator',
  },
  {
    rule: "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || self.value == ''",
    message: 'must be empty when the operator is Exists',
    fieldPath: '.value',
  },
  {
    rule: "!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",
    message: 'needs the effect NoExecute',
    fieldPath: '.tolerationSeconds',
  },
]

/** `spec` of a Module, complete as in KMM (images:1.1). Unknown fields are kept, so a newer CRD does no harm. */
export const moduleSpecSchema = z
  .looseObject({
    selector: z
      .record(z.string(), z.string())
      .describe('Labels of the nodes that get the module; {} selects every node.'),
    tolerations: z
      .array(tolerationSchema.meta({ 'x-kubernetes-validations': tolerationRules }))
      .max(64)
      .optional()
      .describe('Taints of nodes that are no obstacle, and tolerations of all pods made for the Module.'),
    imageRepoSecret: localReference(
      'Secret of type kubernetes.io/dockerconfigjson for pulling and pushing images.',
    ).optional(),
    imageRebuildTriggerGeneration: z
      .int()
      .optional()
      .describe('Change it to have all images looked up again.'),
    moduleLoader: z
      .looseObject({
        serviceAccountName: z.string().optional().describe('ServiceAccount of the worker pods.'),
        container: moduleLoaderContainerSchema,
      })
      .optional()
      .describe('The kernel module. Without it the Module runs only a device plugin or DRA driver.'),
    devicePlugin: devicePluginSchema.optional(),
    dra: draSchema.optional(),
  })
  .meta({
    description: 'What to load, and where.',
    'x-kubernetes-validations': [
      {
        // images:API-V1
        rule: '!has(self.dra) || !has(self.devicePlugin)',
        message: 'give devicePlugin or dra, not both',
        fieldPath: '.dra',
      },
    ],
  })
export type ModuleSpec = z.infer<typeof moduleSpecSchema>

export const moduleSchema = z.looseObject({
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  metadata: objectMetaSchema.extend({ namespace: z.string() }),
  spec: moduleSpecSchema,
  status: moduleStatusSchema.optional(),
})
export type Module = z.infer<typeof moduleSchema>

/** A Module as an API server or client gave it, or what is wrong with it. */
export type ParsedModule =
  | { readonly ok: true; readonly module: Module }
  | { readonly ok: false; readonly message: string }

/** Reads a Module object of any origin; `message` names the fields at fault, one line each. Defaults are filled in. */
export function parseModule(object: unknown): ParsedModule {
  const parsed = moduleSchema.safeParse(object)
  return parsed.success
    ? { ok: true, module: parsed.data }
    : { ok: false, message: z.prettifyError(parsed.error) }
}

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
