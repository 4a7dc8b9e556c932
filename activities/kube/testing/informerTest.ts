import { onTestFinished, vi } from 'vitest'
import { createKube } from '../client.ts'
import { createInformer, type Informer } from '../informer.ts'
import { type Pod, pods } from '../resources.ts'
import { type Call, startScriptedApi } from './scriptedApi.ts'

/** An informer of pods against a scripted API server; both end with the test. */
export interface InformerTest {
  readonly informer: Informer<Pod>
  /** Changes so far, as `<type> <name> <uid>@<resourceVersion>`. */
  readonly seen: readonly string[]
  readonly warn: ReturnType<typeof vi.fn>
  readonly unread: () => number
  next(): Promise<Call>
  /** Answers the list that must come next, and gives the watch after it. */
  listed(version: number, items: readonly object[]): Promise<Call>
  /** The next request, which must be a watch from this version. */
  nextWatch(version: number): Promise<Call>
}

/** Starts one; waits after errors are short and pages have two objects. */
export async function informerTest(
  options: { readonly quietMs?: number; readonly labelSelector?: string } = {},
): Promise<InformerTest> {
  const { quietMs = 60_000, ...selection } = options
  const api = await startScriptedApi()
  const kube = createKube(api.kubeconfig)
  const warn = vi.fn()
  const timing = { pageSize: 2, quietMs, firstBackoffMs: 1, longestBackoffMs: 4 }
  const informer = createInformer({ kube, resource: pods, name: 'pods', log: { warn }, timing, ...selection })
  const seen: string[] = []
  informer.subscribe(({ type, object }) => {
    seen.push(`${type} ${object.metadata.name} ${object.metadata.uid}@${object.metadata.resourceVersion}`)
  })
  onTestFinished(async () => {
    await informer.stop()
    await kube.close()
    await api.close()
  })

  async function request(wanted: 'list' | 'watch', version?: number): Promise<Call> {
    const call = await api.next()
    const got = call.query.get('watch') === 'true' ? 'watch' : 'list'
    const from = call.query.get('resourceVersion')
    if (got !== wanted || from !== (version === undefined ? null : String(version)))
      throw new Error(`wanted a ${wanted} from ${version}, got a ${got} from ${from}`)
    return call
  }
  const nextWatch = async (version: number) => await request('watch', version)
  return {
    informer,
    seen,
    warn,
    unread: () => api.unread,
    next: async () => await api.next(),
    nextWatch,
    async listed(version, items) {
      const list = await request('list')
      list.json(200, page(version, items))
      return await nextWatch(version)
    },
  }
}

export function pod(name: string, uid: string, version: number, extra: object = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'ns', name, uid, resourceVersion: String(version), ...extra },
  }
}

export function bookmark(version: number) {
  return { kind: 'Pod', apiVersion: 'v1', metadata: { resourceVersion: String(version) } }
}

export function page(version: number, items: readonly object[], next?: string) {
  return { metadata: { resourceVersion: String(version), continue: next }, items }
}

export const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }
