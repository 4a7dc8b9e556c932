import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { group } from '../../api/names.ts'

interface ApiObject {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
  }
}

/** Objects by the plural of their kind. */
export type ApiObjects = Readonly<Record<string, readonly object[]>>

/**
 * As much of an API server as the plugin speaks to, over HTTP: get, list, watch, patch and logs. It knows one user who
 * may do nothing, `nobody`; everybody else may do everything.
 */
export interface SimulatedApi {
  /** The file with its address; its context is `simulated:drivers`, of that namespace. */
  readonly kubeconfig: string
  /** The bodies of patches, in order; what is patched stays as it is. */
  readonly patches: readonly unknown[]
  /** The plurals that somebody watches now. */
  readonly watched: readonly string[]
  /** Replaces all objects, and forgets the patches; the definitions are there again. */
  hold(objects: ApiObjects): void
  /** Takes the definitions away, until the next `hold`. */
  removeDefinitions(): void
  /** Changes an object, or adds it, and tells those who watch. */
  put(plural: string, object: object): void
  close(): Promise<void>
}

/** `log` is what every pod has said. */
export async function openSimulatedApi(log = 'a log\n'): Promise<SimulatedApi> {
  let objects: Record<string, readonly ApiObject[]> = {}
  let defined = true
  const patches: unknown[] = []
  const watches = new Set<{ readonly plural: string; readonly response: ServerResponse }>()

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { plural, namespace, name, subresource, query } = target(request)
    const send = (code: number, body: object) => response.writeHead(code).end(JSON.stringify(body))
    const isOfGroup = request.url?.startsWith(`/apis/${group}/`) === true
    const isDiscovery = plural === ''
    if (request.headers['impersonate-user'] === 'nobody' && !isDiscovery) {
      return void send(403, { message: 'forbidden' })
    }
    // As the API server answers for a path that nothing serves.
    if (isOfGroup && !defined) return void response.writeHead(404).end('404 page not found\n')
    if (isDiscovery) return void send(200, { resources: [] })
    const found = (objects[plural] ?? []).filter(({ metadata }) => {
      const wanted = [
        ...(query.get('labelSelector')?.split(',') ?? []),
        ...(query.get('fieldSelector')?.replaceAll('metadata.name', '.name').split(',') ?? []),
      ].map((part) => part.split('='))
      const of = (key = '') => (key === '.name' ? metadata.name : metadata.labels?.[key])
      return (
        (name === undefined || metadata.name === name) &&
        (namespace === undefined || metadata.namespace === namespace) &&
        wanted.every(([key, value]) =>
          isKey(key) && value === undefined ? of(key) !== undefined : of(key) === value,
        )
      )
    })
    if (query.get('watch') === 'true') {
      const watch = { plural, response }
      watches.add(watch)
      response.on('close', () => watches.delete(watch)).writeHead(200)
      return response.flushHeaders()
    }
    if (plural === 'selfsubjectaccessreviews') return void send(201, { status: { allowed: true } })
    if (name === undefined) return void send(200, { metadata: { resourceVersion: '1' }, items: found })
    if (found[0] === undefined) return void send(404, { message: `${plural} "${name}" not found` })
    if (request.method === 'PATCH') patches.push(await json(request))
    return subresource === 'log' ? void response.end(log) : void send(200, found[0])
  }

  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const folder = await mkdtemp(join(tmpdir(), 'kmm-simulated-api-'))
  const kubeconfig = join(folder, 'kubeconfig')
  await writeFile(kubeconfig, kubeconfigOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  return {
    kubeconfig,
    patches,
    get watched() {
      return [...watches].map(({ plural }) => plural)
    },
    hold(all) {
      objects = { ...all } as typeof objects
      patches.length = 0
      defined = true
    },
    removeDefinitions() {
      defined = false
    },
    put(plural, object) {
      const added = object as ApiObject
      const others = (objects[plural] ?? []).filter(({ metadata }) => metadata.name !== added.metadata.name)
      objects = { ...objects, [plural]: [...others, added] }
      for (const watch of watches) {
        if (watch.plural === plural) watch.response.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`)
      }
    },
    async close() {
      server.close().closeAllConnections()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A label alone, which has to be there; a set of values (`in (...)`) is not known here, and takes all. */
function isKey(part = ''): boolean {
  return /^[\w./-]+$/u.test(part)
}

function target({ url = '' }: IncomingMessage) {
  const { pathname, searchParams: query } = new URL(url, 'http://api')
  const path =
    /^\/(?:api|apis\/[^/]+)\/[^/]+(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+))?(?:\/([a-z]+))?$/u
  const [, namespace, plural = '', name, subresource] = path.exec(pathname) ?? []
  return { namespace, plural, name, subresource, query }
}

/** A kubeconfig for a server that asks for no login; the client speaks plain HTTP only where nothing is verified. */
export function kubeconfigOf(server: string): string {
  return JSON.stringify({
    'current-context': 'simulated:drivers',
    clusters: [{ name: 'simulated', cluster: { server, 'insecure-skip-tls-verify': true } }],
    contexts: [
      { name: 'simulated:drivers', context: { cluster: 'simulated', user: 'u', namespace: 'drivers' } },
    ],
    users: [{ name: 'u', user: {} }],
  })
}
