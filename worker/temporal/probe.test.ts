import { createServer as createHttp1 } from 'node:http'
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Environment } from '../../api/config/environment.ts'
import { nativeOptions, readEndpoint } from './endpoint.ts'
import { probeTemporal } from './probe.ts'
import { certificates, filesOfTest } from './testing/certificates.ts'
import { connectProxy } from './testing/connectProxy.ts'

const { authority, server, client } = certificates()
const running = new AbortController().signal

async function listening(of: Server | Http2Server): Promise<number> {
  await new Promise<void>((resolve) => of.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void of.close())
  return (of.address() as AddressInfo).port
}

/** Answers each call with this status, and takes down what was asked. */
function grpc(status: string, message = '') {
  const asked: unknown[] = []
  const answer = (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => {
    asked.push([headers[':path'], headers['authorization']])
    stream.respond({ ':status': 200, 'grpc-status': status, 'grpc-message': message }, { endStream: true })
  }
  return { asked, answer }
}

async function tlsTemporal(status: string, options: { readonly requestCert?: boolean } = {}, message = '') {
  const { asked, answer } = grpc(status, message)
  const { requestCert = false } = options
  const temporal = createSecureServer({
    ...server,
    ...(requestCert ? { requestCert, rejectUnauthorized: true, ca: authority.cert } : {}),
  })
  temporal.on('stream', answer).on('sessionError', () => undefined)
  return { port: await listening(temporal), asked }
}

interface Given {
  readonly address?: string
  readonly tls?: Readonly<Record<string, unknown>>
  readonly apiKey?: string
  readonly environment?: Environment
}

async function probe(port: number, { address, tls, apiKey, environment = {} }: Given = {}) {
  const endpoint = await readEndpoint(
    {
      address: address ?? `127.0.0.1:${port}`,
      namespace: 'default',
      createNamespace: false,
      tls: { enabled: true, ...tls },
      ...(apiKey === undefined ? {} : { apiKeyFile: filesOfTest({ apiKey }).apiKey }),
    },
    environment,
  )
  return await probeTemporal(endpoint, running)
}

const caFile = () => filesOfTest({ ca: authority.cert }).ca
const pairFiles = (pair = client) => {
  const { cert, key } = filesOfTest(pair as { cert: string; key: string })
  return { certFile: cert, keyFile: key }
}

describe('no connection', () => {
  test('name not found', async () => {
    const address = 'temporal.invalid:7233'
    expect(await probe(0, { address })).toEqual({ kind: 'nameNotFound', host: 'temporal.invalid' })
  })

  test('refused', async () => {
    expect(await probe(0, { address: '127.0.0.1:1' })).toEqual({ kind: 'refused' })
  })

  test('no answer', async () => {
    const port = await listening(createTcp((socket) => onTestFinished(() => void socket.destroy())))
    const endpoint = await readEndpoint(
      { address: `127.0.0.1:${port}`, namespace: 'n', createNamespace: false, tls: { enabled: false } },
      {},
    )
    expect(await probeTemporal(endpoint, running, 50)).toMatchObject({
      kind: 'unreachable',
      reason: expect.stringContaining('no answer within'),
    })
  })

  test('an end of the operator ends it', async () => {
    const port = await listening(createTcp((socket) => onTestFinished(() => void socket.destroy())))
    const endpoint = await readEndpoint(
      { address: `127.0.0.1:${port}`, namespace: 'n', createNamespace: false, tls: { enabled: false } },
      {},
    )
    const ending = new AbortController()
    const probing = probeTemporal(endpoint, ending.signal)
    ending.abort(new Error('the end'))
    await expect(probing).rejects.toThrow('the end')
  })
})

describe('TLS', () => {
  test('a server that is trusted', async () => {
    const { port, asked } = await tlsTemporal('0')
    expect(await probe(port, { tls: { caFile: caFile() } })).toBeUndefined()
    expect(asked).toEqual([['/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo', undefined]])
  })

  test('an unknown authority', async () => {
    const { port } = await tlsTemporal('0')
    // Without the hint about Node's own options.
    expect(await probe(port)).toEqual({ kind: 'untrusted', reason: expect.not.stringContaining('Node') })
  })

  test('another name, and the name that it has', async () => {
    const { port } = await tlsTemporal('0')
    const tls = { caFile: caFile() }
    expect(await probe(port, { tls: { ...tls, serverName: 'other.test' } })).toMatchObject({
      kind: 'serverName',
    })
    expect(await probe(port, { tls: { ...tls, serverName: 'temporal.test' } })).toBeUndefined()
  })

  test('a client certificate: given, and missing', async () => {
    const { port } = await tlsTemporal('0', { requestCert: true })
    const tls = { caFile: caFile() }
    expect(await probe(port, { tls: { ...tls, ...pairFiles() } })).toBeUndefined()
    // Whether the alert or the end of the connection comes first is not fixed.
    expect(await probe(port, { tls })).toMatchObject({
      kind: expect.stringMatching(/^(clientCertificate|handshake)$/),
    })
  })

  test('a server without TLS', async () => {
    const port = await listening(createServer())
    expect(await probe(port)).toEqual({ kind: 'plainServer' })
  })

  test('without TLS to a server with it', async () => {
    const { port } = await tlsTemporal('0')
    expect(await probe(port, { tls: { enabled: false } })).toEqual({ kind: 'closed' })
  })

  test('TLS without HTTP/2', async () => {
    const port = await listening(createTls(server))
    expect(await probe(port, { tls: { caFile: caFile() } })).toMatchObject({ kind: 'notTemporal' })
  })

  test('files that do not exist or do not fit', async () => {
    const missing = probe(1, { tls: { caFile: '/nowhere/ca.crt' } })
    await expect(missing).rejects.toMatchObject({
      fault: {
        kind: 'file',
        field: 'temporal.tls.caFile',
        path: '/nowhere/ca.crt',
        reason: 'does not exist',
      },
    })
    const mixed = probe(1, { tls: pairFiles({ cert: client.cert, key: server.key }) })
    await expect(mixed).rejects.toMatchObject({ fault: { kind: 'material' } })
  })
})

describe('the answer', () => {
  test('without TLS, the status in the trailers', async () => {
    const temporal = createServer()
    temporal.on('stream', (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(Buffer.alloc(5))
    })
    expect(await probe(await listening(temporal), { tls: { enabled: false } })).toBeUndefined()
  })

  test('an API key is sent, and its refusal has the server’s reason', async () => {
    const { port, asked } = await tlsTemporal('7', {}, 'Request%20unauthorized%0A!')
    const tls = { caFile: caFile() }
    expect(await probe(port, { tls, apiKey: 'the-key\n' })).toEqual({
      kind: 'unauthenticated',
      reason: 'Request unauthorized !',
    })
    expect(asked).toEqual([[expect.any(String), 'Bearer the-key']])
  })

  test('a file with more than a key', async () => {
    await expect(probe(1, { apiKey: 'a b' })).rejects.toMatchObject({
      fault: { field: 'temporal.apiKeyFile' },
    })
    await expect(probe(1, { apiKey: '\n' })).rejects.toMatchObject({
      fault: { field: 'temporal.apiKeyFile' },
    })
  })

  test.each([
    ['12', undefined],
    ['14', { kind: 'unreachable' }],
    ['16', { kind: 'unauthenticated' }],
    ['13', { kind: 'call', method: 'GetSystemInfo' }],
  ])('gRPC status %s', async (status, fault) => {
    const { port } = await tlsTemporal(status)
    const found = await probe(port, { tls: { caFile: caFile() } })
    if (fault === undefined) expect(found).toBeUndefined()
    else expect(found).toMatchObject(fault)
  })

  test('a server that is not Temporal', async () => {
    const port = await listening(createHttp1((_request, response) => response.end('hello')))
    expect(await probe(port, { tls: { enabled: false } })).toMatchObject({
      kind: expect.stringMatching(/closed|notTemporal/),
    })
    const web = createSecureServer(server)
    web.on('stream', (stream) => {
      stream.respond({ ':status': 404 })
      stream.end('not here')
    })
    expect(await probe(await listening(web), { tls: { caFile: caFile() } })).toMatchObject({
      kind: 'notTemporal',
    })
  })
})

describe('through a proxy', () => {
  test('the tunnel is asked for by name, with the login', async () => {
    const { port } = await tlsTemporal('0')
    const proxy = await connectProxy({ port })
    const environment = { HTTPS_PROXY: proxy.url.replace('http://', 'http://user:secret@') }
    const address = 'temporal.test:7233'
    expect(await probe(0, { address, tls: { caFile: caFile() }, environment })).toBeUndefined()
    expect(proxy.asked).toEqual([`temporal.test:7233 Basic ${btoa('user:secret')}`])
  })

  test('a server that speaks first, together with the answer of the proxy', async () => {
    const { answer } = grpc('0')
    const port = await listening(createServer().on('stream', answer))
    const { url } = await connectProxy({ port, together: true })
    const given = {
      address: 'temporal.test:7233',
      tls: { enabled: false },
      environment: { HTTPS_PROXY: url },
    }
    expect(await probe(0, given)).toBeUndefined()
  })

  test('a proxy that refuses, and one that is not there', async () => {
    const { url } = await connectProxy(403)
    const address = 'temporal.test:7233'
    expect(await probe(0, { address, environment: { HTTPS_PROXY: url } })).toEqual({
      kind: 'proxy',
      proxy: url.replace('http://', ''),
      reason: 'answered 403 to CONNECT temporal.test:7233',
    })
    const gone = await probe(0, { address, environment: { HTTPS_PROXY: 'http://user:secret@127.0.0.1:1' } })
    expect(gone).toMatchObject({ kind: 'proxy', proxy: '127.0.0.1:1' })
    expect(JSON.stringify(gone)).not.toContain('secret')
  })

  test('the SDK gets the same proxy', async () => {
    const endpoint = await readEndpoint(
      { address: 't.test:7233', namespace: 'n', createNamespace: false, tls: { enabled: false } },
      { HTTPS_PROXY: 'http://user:secret@[::1]:3128' },
    )
    expect(nativeOptions(endpoint)).toEqual({
      address: 't.test:7233',
      tls: false,
      proxy: {
        type: 'http-connect',
        targetHost: '[::1]:3128',
        basicAuth: { username: 'user', password: 'secret' },
      },
    })
  })
})
