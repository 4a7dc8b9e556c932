import type { z } from 'zod'
import { crdSchema } from './crdSchema.ts'
import { moduleSpecSchema } from './module.ts'
import { moduleStatusSchema } from './moduleStatus.ts'
import { group, version } from './names.ts'
import { nodeModulesConfigSpecSchema, nodeModulesConfigStatusSchema } from './nodeModulesConfig.ts'
import type { SchemasByName } from './openApiTypes.ts'

interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date'
  readonly jsonPath: string
  readonly description: string
  /** 1: only with `-o wide`. */
  readonly priority?: 1
}

interface Resource {
  readonly kind: string
  readonly plural: string
  readonly shortNames: readonly string[]
  readonly scope: 'Namespaced' | 'Cluster'
  readonly description: string
  readonly spec: z.ZodType
  readonly specRequired: boolean
  readonly status: z.ZodType
  readonly columns: readonly Column[]
}

const ready = '.status.conditions[?(@.type=="Ready")]'
const age: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since it was created.',
}

export const resources: readonly Resource[] = [
  {
    kind: 'Module',
    plural: 'modules',
    shortNames: ['kmod'],
    scope: 'Namespaced',
    description: 'A kernel module that is built for the kernels of the cluster and loaded on its nodes.',
    spec: moduleSpecSchema,
    specRequired: true,
    status: moduleStatusSchema,
    columns: [
      {
        name: 'Ready',
        type: 'string',
        jsonPath: `${ready}.status`,
        description: 'Whether the module is loaded wherever it shall be.',
      },
      { name: 'Reason', type: 'string', jsonPath: `${ready}.reason`, description: 'Why, or why not.' },
      {
        name: 'Images',
        type: 'string',
        jsonPath: '.status.conditions[?(@.type=="ImagesReady")].status',
        description: 'Whether every kernel has its image.',
      },
      {
        name: 'Loaded',
        type: 'integer',
        jsonPath: '.status.moduleLoader.availableNumber',
        description: 'Nodes that have the module loaded.',
      },
      {
        name: 'Nodes',
        type: 'integer',
        jsonPath: '.status.moduleLoader.nodesMatchingSelectorNumber',
        description: 'Nodes that the Module selects.',
      },
      age,
      {
        name: 'Message',
        type: 'string',
        jsonPath: `${ready}.message`,
        description: 'The reason in words.',
        priority: 1,
      },
    ],
  },
  {
    kind: 'NodeModulesConfig',
    plural: 'nodemodulesconfigs',
    shortNames: ['nmc'],
    scope: 'Cluster',
    description: 'What is loaded, and shall be, on the node of the same name. Written by the operator only.',
    spec: nodeModulesConfigSpecSchema,
    specRequired: false,
    status: nodeModulesConfigStatusSchema,
    columns: [age],
  },
]

/** File name under deploy/chart/files/crds of a resource's definition. */
export function crdFileName(resource: Resource): string {
  return `${group}_${resource.plural}.yaml`
}

/** The CustomResourceDefinition of a resource. */
export function customResourceDefinition(resource: Resource, kubernetesTypes: SchemasByName) {
  const { kind, plural, shortNames, scope, description, columns } = resource
  const openAPIV3Schema = {
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: crdSchema(resource.spec, kubernetesTypes),
      status: {
        description: 'What the operator found and did.',
        ...crdSchema(resource.status, kubernetesTypes),
      },
    },
    ...(resource.specRequired ? { required: ['spec'] } : {}),
  }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [...shortNames],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns.map((column) => ({ ...column })),
          schema: { openAPIV3Schema },
        },
      ],
    },
  }
}
