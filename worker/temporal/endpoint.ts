import { readFile } from 'node:fs/promises'
import { createSecureContext, getCACertificates } from 'node:tls'
import type { NativeConnectionOptions } from '@temporalio/worker'
import type { OperatorConfig } from '../../api/config.ts'
import type { Environment } from '../../api/config/environment.ts'
import { oneLine } from '../../api/oneLine.ts'
import { TemporalFaultError, type TemporalFileField } from './faults.ts'
import { addressOf, hostAndPort, type Proxy, proxyFor, ProxyError } from './proxy.ts'
import { codeOf } from './tlsFault.ts'

/** What a connection to Temporal needs, read from the files that the configuration names. */
export interface Endpoint {
  /** HOST:PORT. */
  readonly address: string
  readonly host: string
  readonly port: number
  /** Undefined: without TLS. */
  readonly tls: TlsMaterial | undefined
  readonly apiKey: string | undefined
  readonly proxy: Proxy | undefined
}

/** PEM texts. */
export interface TlsMaterial {
  readonly ca: string
  readonly pair: { readonly cert: string; readonly key: string } | undefined
  /** Name in the server's certificate; undefined: the host of the address. */
  readonly serverName: string | undefined
}

/** Reads the files and decides on the proxy. Throws a TemporalFaultError that names the key of the configuration. */
export async function readEndpoint(
  { address, tls, apiKeyFile }: OperatorConfig['temporal'],
  env: Environment,
): Promise<Endpoint> {
  return {
    address,
    ...hostAndPort(address),
    tls: tls.enabled ? await readTls(tls) : undefined,
    apiKey: apiKeyFile === undefined ? undefined : await readApiKey(apiKeyFile),
    proxy: readProxy(address, env),
  }
}

/** The options with which the SDK connects. */
export function nativeOptions({ address, tls, apiKey, proxy }: Endpoint): NativeConnectionOptions {
  return {
    address,
    // Without this an API key would turn TLS on by itself.
    tls: tls === undefined ? false : nativeTls(tls),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(proxy === undefined ? {} : { proxy: nativeProxy(proxy) }),
  }
}

function nativeTls({ ca, pair, serverName }: TlsMaterial): NonNullable<NativeConnectionOptions['tls']> {
  return {
    serverRootCACertificate: Buffer.from(ca),
    ...(pair === undefined
      ? {}
      : { clientCertPair: { crt: Buffer.from(pair.cert), key: Buffer.from(pair.key) } }),
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
  }
}

function nativeProxy(proxy: Proxy): NonNullable<NativeConnectionOptions['proxy']> {
  const { login } = proxy
  return {
    type: 'http-connect',
    targetHost: addressOf(proxy),
    ...(login === undefined ? {} : { basicAuth: login }),
  }
}

async function readTls({
  caFile,
  certFile,
  keyFile,
  serverName,
}: OperatorConfig['temporal']['tls']): Promise<TlsMaterial> {
  // Node's authorities, not those of the SDK's own library: these come from the system, and the image has none.
  const ca =
    caFile === undefined ? getCACertificates('default').join('\n') : await read('temporal.tls.caFile', caFile)
  const pair =
    certFile === undefined || keyFile === undefined
      ? undefined
      : {
          cert: await read('temporal.tls.certFile', certFile),
          key: await read('temporal.tls.keyFile', keyFile),
        }
  try {
    createSecureContext({ ca, ...pair })
  } catch (error) {
    throw new TemporalFaultError({ kind: 'material', reason: oneLine(error) })
  }
  return { ca, pair, serverName }
}

/** One word of printable ASCII, as a header can carry it. */
export function isApiKey(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text)
}

async function readApiKey(path: string): Promise<string> {
  const field = 'temporal.apiKeyFile'
  const key = (await read(field, path)).trim()
  if (isApiKey(key)) return key
  throw new TemporalFaultError({ kind: 'file', field, path, reason: 'must hold an API key and nothing else' })
}

async function read(field: TemporalFileField, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = codeOf(error)
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new TemporalFaultError({ kind: 'file', field, path, reason })
  }
}

function readProxy(address: string, env: Environment): Proxy | undefined {
  try {
    return proxyFor(address, env)
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error
    throw new TemporalFaultError({ kind: 'proxy', proxy: 'of the environment', reason: error.message })
  }
}
