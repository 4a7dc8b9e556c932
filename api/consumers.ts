import { z } from 'zod'
import { kubernetesType } from './kubernetesTypes.ts'
import { hostPathRule } from './moduleRules.ts'
import { dnsNameRule } from './nameRules.ts'
import { ruled } from './rules.ts'

const core = (type: string) => `io.k8s.api.core.v1.${type}`

/** A container of a consumer pod: Kubernetes' own fields, passed on. */
const consumerContainerSchema = z.looseObject({
  image: z.string().describe('Image of the container.'),
  command: z.array(z.string()).optional().describe('Entry point in place of that of the image.'),
  args: z.array(z.string()).optional().describe('Arguments of the entry point.'),
  env: z
    .array(kubernetesType(core('EnvVar'), 'An environment variable.'))
    .optional()
    .describe('Environment variables.'),
  imagePullPolicy: z.string().optional().describe('Pull policy of the image.'),
  resources: kubernetesType(
    core('ResourceRequirements'),
    'Resources that the container asks for.',
  ).optional(),
  volumeMounts: z
    .array(kubernetesType(core('VolumeMount'), 'A volume of the pod and its place in the container.'))
    .optional()
    .describe('Volumes the container sees.'),
})

const podFields = {
  container: consumerContainerSchema.describe('The container.'),
  initContainer: consumerContainerSchema.optional().describe('A container that runs first.'),
  serviceAccountName: z.string().optional().describe('ServiceAccount of the pods.'),
  volumes: z
    .array(kubernetesType(core('Volume'), 'A volume.').meta(ruled(hostPathRule)))
    .optional()
    .describe('Volumes of the pods.'),
  automountServiceAccountToken: z
    .boolean()
    .optional()
    .describe('Whether the pods see a token of their ServiceAccount.'),
}

export const devicePluginSchema = z
  .looseObject(podFields)
  .meta({ description: 'The device plugin to run on nodes where the module is loaded.' })
export type DevicePlugin = z.infer<typeof devicePluginSchema>

const dnsName = (description: string) =>
  z.string().meta({ description, minLength: 1, maxLength: 253, ...ruled(dnsNameRule) })
const resource = (type: string) => `io.k8s.api.resource.v1.${type}`

export const draSchema = z
  .looseObject({
    ...podFields,
    driverName: dnsName('Name of the DRA driver.'),
    deviceClasses: z
      .array(
        z.looseObject({
          name: dnsName('Name of the DeviceClass.'),
          selectors: z
            .array(kubernetesType(resource('DeviceSelector'), 'A rule that a device must match.'))
            .optional()
            .meta({ description: 'Rules that a device must match, all of them.', maxItems: 32 }),
          config: z
            .array(kubernetesType(resource('DeviceClassConfiguration'), 'Settings for the driver.'))
            .optional()
            .meta({ description: 'Settings for the driver.', maxItems: 32 }),
        }),
      )
      .optional()
      .meta({
        description: 'DeviceClasses to make.',
        maxItems: 64,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      }),
  })
  .meta({ description: 'The DRA driver to run on nodes where the module is loaded.' })
export type DynamicResourceAllocation = z.infer<typeof draSchema>
