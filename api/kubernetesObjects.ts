// Of objects of Kubernetes as their JSON stands: what facts are made from. Every client's types fit.

export interface ObjectMetadata {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
}

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
}

export interface ContainerStatusObject {
  readonly name: string
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string }
    readonly running?: object
    readonly terminated?: {
      readonly exitCode: number
      readonly reason?: string
      readonly message?: string
      readonly finishedAt?: string
    }
  }
}

export interface ContainerObject {
  readonly name: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly securityContext?: { readonly capabilities?: { readonly add?: readonly string[] } }
}

export interface PodObject {
  readonly metadata: ObjectMetadata
  readonly spec?: { readonly nodeName?: string; readonly containers?: readonly ContainerObject[] }
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly message?: string
    readonly conditions?: readonly Condition[]
    readonly initContainerStatuses?: readonly ContainerStatusObject[]
    readonly containerStatuses?: readonly ContainerStatusObject[]
  }
}

export interface NodeObject {
  readonly metadata: ObjectMetadata
  readonly spec?: {
    readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[]
  }
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly nodeInfo?: {
      readonly kernelVersion: string
      readonly bootID: string
      readonly architecture: string
      readonly osImage: string
    }
  }
}

export interface ConfigMapObject {
  readonly metadata: Pick<ObjectMetadata, 'name' | 'namespace'>
  readonly data?: Readonly<Record<string, string>>
}
