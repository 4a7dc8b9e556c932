import { z } from 'zod'

/** Where one (Module, kernel) stands. */
export const kernelPhases = [
  'Resolving',
  'CheckingImage',
  'WaitingForImage',
  'Building',
  'BuildFailed',
  'Signing',
  'SignFailed',
  'Verifying',
  'Loading',
  'LoadFailed',
  'Loaded',
  'Unloading',
  'NoNodes',
  'InputInvalid',
  'Cancelled',
] as const
export type KernelPhase = (typeof kernelPhases)[number]

const count = z.int32().min(0)
const time = z.iso.datetime({ offset: true })

/** KMM's counters of one part of a Module (images:STS-1 to STS-5). */
const countersSchema = z.looseObject({
  nodesMatchingSelectorNumber: count.optional().describe('Nodes that the Module selects.'),
  desiredNumber: count.optional().describe('Nodes that shall have it.'),
  availableNumber: count.optional().describe('Nodes that have it.'),
})
export type Counters = z.infer<typeof countersSchema>

/** metav1.Condition. */
export const conditionSchema = z.looseObject({
  type: z.string().max(316).describe('What the condition is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  observedGeneration: z.int().min(0).optional().describe('Generation of the Module it was seen for.'),
  lastTransitionTime: time.describe('When the status last changed.'),
  reason: z.string().min(1).max(1024).describe('Why, in one CamelCase word.'),
  message: z.string().max(32_768).describe('Why, for people.'),
})
export type Condition = z.infer<typeof conditionSchema>

/** Where an image was built. Only the name is known when the Node object was gone. */
export const buildOriginSchema = z.looseObject({
  node: z.string().describe('Node on which the image was built.'),
  kernel: z.string().optional().describe('Kernel release of that node.'),
  osImage: z.string().optional().describe('Distribution and release of that node.'),
  architecture: z.string().optional().describe('Architecture of that node.'),
})
export type BuildOrigin = z.infer<typeof buildOriginSchema>

/** An attempt of a build that the cluster ended: evicted, preempted, its node lost. */
const interruptedBuildSchema = z.looseObject({
  attempt: count.describe('The attempt that was ended.'),
  reason: z.string().describe('Why, in one CamelCase word.'),
  message: z.string().describe('Why, as Kubernetes says it.'),
  at: time.describe('When it was noticed.'),
})
export type InterruptedBuild = z.infer<typeof interruptedBuildSchema>

/** One kernel's part of a Module's status, written by that kernel's run alone. */
export const kernelStatusSchema = z.looseObject({
  kernel: z.string().describe('Kernel release as the nodes report it.'),
  phase: z.enum(kernelPhases).describe('Where the run for this kernel stands.'),
  image: z.string().optional().describe('The kmod image with its tag.'),
  digest: z.string().optional().describe('The digest that was verified and that nodes pull.'),
  architectures: z
    .array(z.string())
    .optional()
    .describe('Architectures that image is made for, as far as it says.'),
  imageGeneration: z
    .int()
    .optional()
    .describe('imageRebuildTriggerGeneration for which the digest was resolved.'),
  unsigned: z
    .looseObject({
      image: z.string().describe('The image with its tag.'),
      digest: z.string().describe('The digest that was verified and that is signed.'),
      rebuildFrom: count.optional().describe('The rebuild that made it, by its first attempt.'),
    })
    .optional()
    .describe('The image whose modules are signed.'),
  inputHash: z.string().optional().describe('Hash of the inputs of the build, or of the signing.'),
  reason: z.string().optional().describe('Why it stands there, in one CamelCase word.'),
  message: z.string().optional().describe('Why it stands there, and what would help.'),
  builtOn: buildOriginSchema
    .optional()
    .describe('Where the image was built, when it was built in this cluster.'),
  sourceHash: z.string().optional().describe('What the image was built from, as its label says.'),
  signHash: z.string().optional().describe('What was signed with which Secrets, as its label says.'),
  errorLines: z.string().optional().describe('Last lines of the log of what failed.'),
  buildPod: z.string().optional().describe('The last pod that built or signed the image.'),
  mayPush: z
    .boolean()
    .optional()
    .describe(
      'Whether the Module showed, before its last build, that it may push to the image’s repository.',
    ),
  attempt: count.optional().describe('Attempt of the build, or of the signing, for these inputs.'),
  buildNode: z
    .looseObject({ name: z.string().describe('Its name.'), uid: z.string().describe('Its uid.') })
    .optional()
    .describe('Node on which the build ran that failed last.'),
  buildSecrets: z
    .record(z.string(), z.string())
    .optional()
    .describe(
      'Secrets that build was made with: uid and resourceVersion by name, nothing of their contents.',
    ),
  rebuild: z
    .looseObject({
      from: count.describe('The first attempt that counts.'),
      done: z.boolean().optional().describe('Whether it is over; said while the annotation stands.'),
    })
    .optional()
    .describe('The image is built though it is there, as the annotation rebuild asked.'),
  interruptions: z.array(interruptedBuildSchema).optional().meta({
    description: 'Attempts that the cluster ended; a build is made again by itself at most 3 times.',
    'x-kubernetes-list-type': 'atomic',
  }),
  workflowId: z.string().optional().describe('Temporal workflow of this kernel.'),
  runId: z.string().optional().describe('Its run.'),
  since: time.optional().describe('Since when the phase is this one.'),
  nodes: z
    .looseObject({
      targets: count.describe('Nodes with this kernel that the Module selects.'),
      loaded: count.describe('Nodes that have the module loaded.'),
      failed: count.describe('Nodes on which loading or unloading failed.'),
      waiting: count.describe('Nodes still to be done.'),
    })
    .optional()
    .describe('Counts of nodes.'),
})
export type KernelStatus = z.infer<typeof kernelStatusSchema>

export const moduleStatusSchema = z.looseObject({
  moduleLoader: countersSchema.optional().describe('Nodes of the kernel module.'),
  devicePlugin: countersSchema.optional().describe('Nodes of the device plugin.'),
  dra: countersSchema.optional().describe('Nodes of the DRA driver.'),
  imageRebuildTriggerGeneration: z
    .int()
    .optional()
    .describe('The imageRebuildTriggerGeneration that the runs of all kernels have taken.'),
  conditions: z
    .array(conditionSchema)
    .optional()
    .meta({
      description:
        'Ready, ImagesReady, Progressing and Degraded; the warnings BuildNodeDiffers, ImageOutdated, TagMoved and NodeInvalid.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    }),
  kernels: z
    .array(kernelStatusSchema)
    .optional()
    .meta({
      description: 'Where each kernel stands.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['kernel'],
    }),
})
export type ModuleStatus = z.infer<typeof moduleStatusSchema>
