import { ApplicationFailure } from '@temporalio/common'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createKube } from './client.ts'
import { toFailure } from './errors.ts'
import type { Kube } from './kube.ts'
import { configMaps, pods, secrets } from './resources.ts'
import { type ScriptedApi, startScriptedApi } from './testing/scriptedApi.ts'

let api: ScriptedApi
let kube: Kube
const ref = { namespace: 'ns', name: 'a' }

beforeEach(async () => {
  api = await startScriptedApi()
  kube = createKube(api.kubeconfig)
})
afterEach(async () => {
  await kube.close()
  await api.close()
})

/** What a request ends with, while the server answers it so. */
async function answered<T>(request: Promise<T>, status: number, body: unknown, headers = {}) {
  const settled = request.then(
    (value) => ({ value, error: undefined }),
    (error: unknown) => ({ value: undefined, error }),
  )
  const call = await api.next()
  call.json(status, body, headers)
  return { call, ...(await settled) }
}

function status(code: number, reason: string, message: string) {
  return { kind: 'Status', code, reason, message }
}

describe('requests', () => {
  test('many requests share a connection and are counted by verb and resource', async () => {
    for (let count = 0; count < 20; count++) await answered(kube.get(pods, ref), 200, {})
    await answered(kube.get(secrets, ref), 200, {})
    // The next request may begin a moment before the connection of the last is free again.
    expect(api.connections).toBeLessThanOrEqual(2)
    expect(Object.fromEntries(kube.requests)).toEqual({ 'get pods': 20, 'get secrets': 1 })
  })

  test('dates stay text and unknown fields stay', async () => {
    const object = { metadata: { creationTimestamp: '2026-01-01T00:00:00Z' }, spec: { fieldOfTomorrow: 1 } }
    expect((await answered(kube.get(pods, ref), 200, object)).value).toEqual(object)
  })

  test('apply says its type, manager and force; status is a subresource', async () => {
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { ...ref, uid: 'u' }, status: {} }
    const request = kube.applyObject(body, { fieldManager: 'kmm:6.1', force: true, subresource: 'status' })
    const { call, value } = await answered(request, 200, body)
    expect([call.method, call.path]).toEqual(['PATCH', '/api/v1/namespaces/ns/pods/a/status'])
    expect(Object.fromEntries(call.query)).toEqual({ fieldManager: 'kmm:6.1', force: 'true' })
    expect(call.headers['content-type']).toBe('application/apply-patch+yaml')
    expect(JSON.parse(call.body)).toEqual(body)
    expect(value).toEqual({ kind: 'written', object: body })
  })

  test('a name with odd characters stays one path segment', async () => {
    const { call } = await answered(kube.get(pods, { namespace: 'ns', name: '../x?y' }), 200, {})
    expect(call.path).toBe('/api/v1/namespaces/ns/pods/..%2Fx%3Fy')
  })

  test('a namespaced kind without namespace is refused before anything is sent', async () => {
    await expect(kube.get(pods, { name: 'a' })).rejects.toThrow('Pod a: needs a namespace')
  })

  test('an aborted request rejects with the reason of its signal', async () => {
    const cancel = new AbortController()
    const reason = new Error('cancelled')
    const request = expect(kube.get(pods, ref, cancel.signal)).rejects.toBe(reason)
    const call = await api.next()
    cancel.abort(reason)
    await request
    await call.closed
  })

  test('a kubeconfig that is not there is named', () => {
    expect(() => createKube('/nowhere/kubeconfig')).toThrow(/\/nowhere\/kubeconfig.*give a kubeconfig/)
  })
})

describe('failures', () => {
  test.each([
    ['busy', 429, { 'retry-after': '7' }, 'KubeBusy', false, 7_000],
    ['unavailable', 503, { 'retry-after': '2' }, 'KubeServerError', false, 2_000],
    ['broken', 500, {}, 'KubeServerError', false, undefined],
    ['conflict', 409, {}, 'KubeConflict', false, undefined],
    ['forgotten version', 410, {}, 'KubeConflict', false, undefined],
    ['stale token', 401, {}, 'KubeUnauthorized', false, undefined],
    ['unknown kind', 404, {}, 'KubeNotFound', false, undefined],
    ['bad request', 400, {}, 'KubeRejected', true, undefined],
    ['forbidden', 403, {}, 'KubeRejected', true, undefined],
    ['invalid', 422, {}, 'KubeRejected', true, undefined],
  ])('%s (%i) becomes a Temporal failure', async (_, code, headers, type, nonRetryable, delay) => {
    const answer = answered(kube.get(configMaps, ref), code, status(code, 'Why', 'the sentence'), {
      ...headers,
      'x-secret': 'header',
    })
    const failure = toFailure((await answer).error)
    expect(failure).toBeInstanceOf(ApplicationFailure)
    expect(failure).toMatchObject({
      type,
      nonRetryable,
      message: 'the sentence',
      details: [{ code, reason: 'Why' }],
    })
    expect((failure as ApplicationFailure).nextRetryDelay).toBe(delay)
    expect(JSON.stringify(failure)).not.toMatch(/secret/)
  })

  test('no answer is a retryable failure that names the server', async () => {
    const request = kube.get(configMaps, ref).catch(toFailure)
    const call = await api.next()
    call.drop()
    expect(await request).toMatchObject({ type: 'KubeUnreachable', nonRetryable: false })
    expect(await request).toMatchObject({ message: expect.stringContaining(new URL(kube.server).host) })
  })

  test('what is not of the client passes as it is', () => {
    const error = new Error('mine')
    expect(toFailure(error)).toBe(error)
  })
})

describe('logs', () => {
  const selection = { container: 'c', tailLines: 3 }

  test('lines come as they are written, over chunk borders, and end with the container', async () => {
    const following = kube.followPodLog(ref, selection)
    const first = following.next()
    const call = await api.next()
    expect(Object.fromEntries(call.query)).toEqual({ container: 'c', tailLines: '3', follow: 'true' })
    call.write('one\nt')
    expect((await first).value).toEqual([{ text: 'one', ends: true }])
    const second = following.next()
    call.write('wo ü\nthree')
    expect((await second).value).toEqual([{ text: 'two ü', ends: true }])
    const third = following.next()
    call.end()
    expect((await third).value).toEqual([{ text: 'three', ends: true }])
    expect((await following.next()).done).toBe(true)
  })

  test('leaving the loop closes the connection', async () => {
    const following = kube.followPodLog(ref, selection)
    const first = following.next()
    const call = await api.next()
    call.write('one\n')
    await first
    await following.return(undefined)
    await call.closed
  })

  test('a broken connection throws', async () => {
    const following = kube.followPodLog(ref, selection)
    const first = following.next()
    const call = await api.next()
    call.write('one\n')
    await first
    call.drop()
    await expect(following.next()).rejects.toMatchObject({ reason: 'Unreachable' })
  })

  test('a line without end comes in pieces', async () => {
    const following = kube.followPodLog(ref, selection)
    const first = following.next()
    const call = await api.next()
    call.write('x'.repeat(20_000))
    expect((await first).value).toEqual([{ text: 'x'.repeat(16_384), ends: false }])
    call.end()
    expect((await following.next()).value).toEqual([{ text: 'x'.repeat(20_000 - 16_384), ends: true }])
  })

  test.each([
    ['no pod', status(404, 'NotFound', 'pods "a" not found')],
    [
      'container waits',
      status(400, 'BadRequest', 'container "c" in pod "a" is waiting to start: PodInitializing'),
    ],
  ])('%s: there is no log', async (_, body) => {
    expect((await answered(kube.podLog(ref, selection), body.code, body)).value).toBe(undefined)
    expect((await answered(kube.followPodLog(ref, selection).next(), body.code, body)).value?.done).toBe(true)
  })

  test('a container that does not exist is an error', async () => {
    const body = status(400, 'BadRequest', 'container d is not valid for pod a')
    expect((await answered(kube.podLog(ref, selection), 400, body)).error).toMatchObject({ code: 400 })
  })
})
