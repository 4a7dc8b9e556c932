import { KubeConfig } from '@kubernetes/client-node'
import { isAlreadyExists, isConflict, isNotFound, KubeError } from './errors.ts'
import { linePieces } from './lines.ts'
import type {
  ApplyOptions,
  Kube,
  LogSelection,
  MergePatch,
  Page,
  PatchOptions,
  Selection,
  WriteBody,
  Written,
} from './kube.ts'
import { type ObjectRef, pathOf, pods, type Resource, resourceOf, type StoredObject } from './resources.ts'
import { createTransport, type Transport } from './transport.ts'

const longestLogLine = 16_384

/**
 * Connects to the cluster of a kubeconfig file's current context; without a file, as kubectl does: KUBECONFIG,
 * ~/.kube/config, or the service account of the pod it runs in. Nothing is sent yet.
 */
export function createKube(kubeconfigPath: string | undefined): Kube {
  const config = new KubeConfig()
  try {
    if (kubeconfigPath === undefined) config.loadFromDefault()
    else config.loadFromFile(kubeconfigPath)
  } catch (error) {
    const file = kubeconfigPath ?? 'the default kubeconfig'
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`cannot read ${file}: ${why}; give a kubeconfig that exists`, { cause: error })
  }
  return kubeOver(createTransport(config))
}

function kubeOver(transport: Transport): Kube {
  async function* pages<T extends StoredObject>(
    resource: Resource<T>,
    { namespace, labelSelector, fieldSelector, signal }: Selection,
    limit: number,
  ): AsyncGenerator<Page<T>> {
    const { apiVersion, kind, plural } = resource
    let token: string | undefined
    do {
      const list = await transport.json<{
        readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
        readonly items: readonly T[] | null
      }>({
        verb: 'list',
        resource: plural,
        path: pathOf(resource, namespace === undefined ? {} : { namespace }),
        query: { labelSelector, fieldSelector, limit: limit === 0 ? undefined : limit, continue: token },
        ...(signal === undefined ? {} : { signal }),
      })
      // Items of a list lack these two; objects of a watch have them.
      const items = (list.items ?? []).map((item) => ({ ...item, apiVersion, kind }))
      yield { items, resourceVersion: list.metadata.resourceVersion }
      token = list.metadata.continue || undefined
    } while (token !== undefined)
  }

  const kube: Kube = {
    server: transport.server,
    requests: transport.requests,
    transport,
    pages,
    get: async (resource, ref, signal) =>
      await orOn(isNotFound, undefined, () =>
        transport.json({
          verb: 'get',
          resource: resource.plural,
          path: pathOf(resource, ref),
          ...(signal === undefined ? {} : { signal }),
        }),
      ),
    async list<T extends StoredObject>(resource: Resource<T>, selection: Selection = {}) {
      const items: T[] = []
      let resourceVersion = ''
      for await (const page of pages(resource, selection, 500)) {
        items.push(...page.items)
        resourceVersion = page.resourceVersion
      }
      return { items, resourceVersion }
    },
    async create<T extends StoredObject>(resource: Resource<T>, body: WriteBody) {
      const { namespace } = body.metadata
      try {
        const path = pathOf(resource, namespace === undefined ? {} : { namespace })
        const object = await transport.json<T>({ verb: 'create', resource: resource.plural, path, body })
        return { kind: 'created', object }
      } catch (error) {
        if (!isAlreadyExists(error)) throw error
        const object = await kube.get(resource, body.metadata)
        if (object !== undefined) return { kind: 'exists', object }
        // It went away between the two requests.
        throw new KubeError({ code: 409, reason: 'Conflict', message: error.message, cause: error })
      }
    },
    applyObject: async <T>(body: WriteBody, { subresource, fieldManager, force }: ApplyOptions) =>
      await written(body.metadata, subresource === undefined, () =>
        transport.json<T>({
          verb: 'patch',
          ...target(resourceOf(body), body.metadata, subresource),
          query: { fieldManager, force },
          contentType: 'application/apply-patch+yaml',
          body,
        }),
      ),
    patch: async <T>(
      resource: Resource<StoredObject>,
      ref: ObjectRef,
      body: MergePatch,
      options: PatchOptions = {},
    ) =>
      await written(body.metadata ?? {}, false, () =>
        transport.json<T>({
          verb: 'patch',
          ...target(resource, ref, options.subresource),
          contentType: 'application/merge-patch+json',
          body,
        }),
      ),
    replace: async <T>(resource: Resource<StoredObject>, body: WriteBody) =>
      await written(body.metadata, false, () =>
        transport.json<T>({ verb: 'update', ...target(resource, body.metadata), body }),
      ),
    async delete(resource, ref, { uid, gracePeriodSeconds }) {
      try {
        const body = { preconditions: { uid }, propagationPolicy: 'Background', gracePeriodSeconds }
        await transport.json({ verb: 'delete', ...target(resource, ref), body })
        return 'deleted'
      } catch (error) {
        if (isNotFound(error)) return 'notFound'
        if (isUidMismatch(error)) return 'otherUid'
        throw error
      }
    },
    podLog: async (ref, selection) =>
      await orOn(isNoLog, undefined, () => transport.text(logRequest(ref, selection, false))),
    async *followPodLog(ref, selection) {
      const stream = await orOn(isNoLog, undefined, () =>
        transport.stream({ ...logRequest(ref, selection, true), quietMs: 0 }),
      )
      if (stream !== undefined) yield* linePieces(stream, longestLogLine)
    },
    close: async () => await transport.close(),
  }
  return kube
}

function target(resource: Resource<StoredObject>, ref: ObjectRef, subresource?: string) {
  const { namespace, name } = ref
  return {
    resource: subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`,
    path: pathOf(resource, {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(subresource === undefined ? {} : { subresource }),
    }),
  }
}

function logRequest(ref: ObjectRef, selection: LogSelection, follow: boolean) {
  const { container, tailLines, limitBytes, signal } = selection
  return {
    verb: 'get',
    ...target(pods, ref, 'log'),
    query: { container, tailLines, limitBytes, follow: follow || undefined },
    ...(signal === undefined ? {} : { signal }),
  } as const
}

/** Turns what the API server says of a body's preconditions into a result. */
async function written<T>(
  metadata: Readonly<Record<string, unknown>>,
  creates: boolean,
  work: () => Promise<T>,
): Promise<Written<T>> {
  try {
    return { kind: 'written', object: await work() }
  } catch (error) {
    if (isUidMismatch(error) || (!creates && isNotFound(error))) return { kind: 'gone' }
    const locked = metadata['resourceVersion'] !== undefined
    if (locked && isConflict(error) && /has been modified/.test(error.message)) return { kind: 'modified' }
    throw error
  }
}

/** Patches answer with a validation error of `metadata.uid`, everything else with a conflict that says so. */
function isUidMismatch(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false
  return error.fields.includes('metadata.uid') || (isConflict(error) && /\bUID\b/i.test(error.message))
}

async function orOn<T, U>(
  expected: (error: unknown) => boolean,
  value: U,
  work: () => Promise<T>,
): Promise<T | U> {
  try {
    return await work()
  } catch (error) {
    if (expected(error)) return value
    throw error
  }
}

function isNoLog(error: unknown): boolean {
  return isNotFound(error) || (error instanceof KubeError && /waiting to start/.test(error.message))
}
