import { BlockList, isIP } from 'node:net'
import type { Environment } from '../../api/config/environment.ts'
import { isLoopback } from '../../api/config/tls.ts'

/** An HTTP proxy that opens tunnels with CONNECT. */
export interface Proxy {
  readonly host: string
  readonly port: number
  readonly login: { readonly username: string; readonly password: string } | undefined
}

/** The environment names a proxy that cannot be used. `message` gives the reason and holds no password. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError'
}

/**
 * The proxy through which the environment wants `address` (HOST:PORT) to be reached; undefined: none. The variables are
 * read as undici reads them for registries, so that one setting counts for both: lower case first, HTTP_PROXY where
 * there is no HTTPS_PROXY. NO_PROXY may also hold CIDR blocks. Loopback is never reached through a proxy.
 * Throws a ProxyError.
 */
export function proxyFor(address: string, env: Environment): Proxy | undefined {
  const text = env['https_proxy'] ?? env['HTTPS_PROXY'] ?? env['http_proxy'] ?? env['HTTP_PROXY'] ?? ''
  const { host, port } = hostAndPort(address)
  if (text === '' || isLoopback(address)) return undefined
  if (isExcluded(host, port, env['no_proxy'] ?? env['NO_PROXY'] ?? '')) return undefined
  if (!URL.canParse(text)) throw new ProxyError('is not a URL, such as http://proxy.example.com:3128')
  const { protocol, hostname, port: proxyPort, username, password } = new URL(text)
  // The SDK does not encrypt its connection to the proxy itself.
  if (protocol !== 'http:') throw new ProxyError(`must be an http:// URL for Temporal, not ${protocol}//`)
  return {
    host: bare(hostname),
    port: proxyPort === '' ? 80 : Number(proxyPort),
    login: username === '' ? undefined : { username: decoded(username), password: decoded(password) },
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new ProxyError('has a user name or password with a "%" that is not percent-encoded')
  }
}

/** Host (an IPv6 address without its brackets) and port of HOST:PORT. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  return { host: bare(address.slice(0, colon)), port: Number(address.slice(colon + 1)) }
}

/** HOST:PORT, with brackets around an IPv6 address. */
export function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

const bare = (host: string) => host.replace(/^\[(.+)\]$/, '$1')

function isExcluded(given: string, port: number, noProxy: string): boolean {
  const host = given.toLowerCase().replace(/\.$/, '')
  return noProxy
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (isIP(host) !== 0 && entry.includes('/')) return isInBlock(host, entry)
      const [, name = '', only] = /^(.+?)(?::(\d+))?$/.exec(isIP(entry) === 6 ? `[${entry}]` : entry) ?? []
      if (only !== undefined && Number(only) !== port) return false
      if (name === '*') return true
      const suffix = bare(name)
        .replace(/^\*?\./, '')
        .replace(/\.$/, '')
      return host.endsWith(`.${suffix}`) || (host === suffix && !name.startsWith('*'))
    })
}

function isInBlock(host: string, cidr: string): boolean {
  const [net = '', prefix = ''] = cidr.split('/')
  const length = Number(prefix)
  if (isIP(net) !== isIP(host) || !/^\d{1,3}$/.test(prefix) || length > (isIP(net) === 4 ? 32 : 128))
    return false
  const family = isIP(net) === 4 ? 'ipv4' : 'ipv6'
  const block = new BlockList()
  block.addSubnet(net, length, family)
  return block.check(host, family)
}
