import { lookup as resolve, type LookupAddress, type LookupOptions } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** What the operator's admin says of the addresses that registries may have. */
export interface AddressRules {
  /** Whether a registry may be at an address of a private network. */
  readonly privateAddresses: 'allow' | 'refuse'
  /** Hosts, with or without a port, that may be anywhere. */
  readonly allowedHosts: readonly string[]
}

/** Where nobody says otherwise. */
export const defaultAddressRules: AddressRules = { privateAddresses: 'allow', allowedHosts: [] }

type Subnet = readonly [address: string, prefix: number]

/** Before an IPv4 address in IPv6: NAT64 (RFC 6052, RFC 8215), compatible and translated addresses. */
const embeddings = ['64:ff9b::', '64:ff9b:1::', '::', '::ffff:0:']

/** The machine itself, its link, multicast, what is reserved, and metadata services of clouds that have other addresses. */
const forbidden = blockList(
  [
    ['0.0.0.0', 8],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['192.0.0.0', 24],
    ['100.100.100.200', 32],
    ['168.63.129.16', 32],
    ['224.0.0.0', 4],
    ['240.0.0.0', 4],
  ],
  [
    ['::', 127],
    ['fe80::', 10],
    ['ff00::', 8],
    ['fd00:ec2::', 32],
    ['fd20:ce::254', 128],
    ['fd00:c1::a9fe:a9fe', 128],
    ['fd00:42::42', 128],
  ],
)

/** RFC 1918, RFC 6598, RFC 2544, RFC 4193, and the former site-local addresses. */
const inside = blockList(
  [
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['100.64.0.0', 10],
    ['198.18.0.0', 15],
  ],
  [
    ['fc00::', 7],
    ['fec0::', 10],
  ],
)

/** IPv4 counts in its mapped form by itself; the other forms, and 6to4, are added. */
function blockList(ipv4: readonly Subnet[], ipv6: readonly Subnet[]): BlockList {
  const list = new BlockList()
  for (const [address, prefix] of ipv4) {
    list.addSubnet(address, prefix, 'ipv4')
    for (const within of embeddings) list.addSubnet(`${within}${address}`, 96 + prefix, 'ipv6')
    list.addSubnet(sixToFour(address), 16 + prefix, 'ipv6')
  }
  for (const [address, prefix] of ipv6) list.addSubnet(address, prefix, 'ipv6')
  return list
}

function sixToFour(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
  return `2002:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}::`
}

/** Names that proxies and resolvers answer with such an address. */
const forbiddenNames: ReadonlySet<string> = new Set([
  'localhost',
  'localhost.localdomain',
  'ip6-localhost',
  'ip6-loopback',
  'instance-data',
  'instance-data.ec2.internal',
  'metadata',
  'metadata.goog',
  'metadata.google.internal',
  'metadata.tencentyun.com',
])

const isForbiddenName = (name: string) => forbiddenNames.has(name) || name.endsWith('.localhost')

/** An entry of `allowedHosts` as the URL parser writes hosts. */
function normalized(entry: string): string {
  const [, host = '', port = ''] = /^(.*?)(:\d+)?$/u.exec(entry) ?? []
  return URL.canParse(`http://${host}`) ? `${bare(new URL(`http://${host}`).hostname)}${port}` : ''
}

/** Without the dot of the root. */
const bare = (hostname: string) => (hostname.endsWith('.') ? hostname.slice(0, -1) : hostname)

const isIn = (list: BlockList, address: string) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** A host is at an address, or has a name, that a registry or what it names may not have. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

const isThisMachine = 'a loopback, link-local, multicast or reserved address, which no registry may have'
const isPrivate = 'a private address, which registry.privateAddresses refuses'
const isInsideOfOutside = 'a private address, which a registry outside of the network cannot name'
const advice = 'the admin of the operator can list it in registry.allowedHosts'

/**
 * The rules for all requests of one check: whatever a registry names, such as its token server and the targets of its
 * redirects, is reached only at an address that it may name. The address counts that is connected to, so a name that
 * changes its address gains nothing. Behind a proxy, which resolves names itself, the name counts.
 */
export class AddressGuard {
  readonly #rules: AddressRules
  readonly #listed: ReadonlySet<string>
  readonly #resolve: LookupFunction
  /** Hosts that were found, or written, to be at a private address. */
  readonly #inside = new Set<string>()
  /** Hosts whose names could not be resolved, or only to addresses that are refused. */
  readonly #unresolved = new Set<string>()
  /** The registry; what is asked first. */
  #registry: URL | undefined
  /** A connection to the registry was made outside of the network, whatever other addresses its name has or had. */
  #isOutside = false

  /** `resolveName`: of the system by default. */
  constructor(rules: AddressRules, resolveName: LookupFunction = resolve as LookupFunction) {
    this.#rules = rules
    this.#listed = new Set(rules.allowedHosts.map(normalized))
    this.#resolve = resolveName
  }

  /** Whether the admin lists the host. */
  isListed({ hostname, port, protocol }: URL): boolean {
    const host = bare(hostname)
    return this.#listed.has(host) || this.#listed.has(`${host}:${port || (protocol === 'https:' ? 443 : 80)}`)
  }

  /**
   * Whether it is another host than the registry, at a private address or without an allowed one: of its answers
   * nothing is shown, nor whether the network knows its name.
   */
  isHidden(url: URL): boolean {
    const { host, hostname } = url
    if (host === this.#registry?.host || this.isListed(url)) return false
    return this.#inside.has(hostname) || this.#unresolved.has(hostname)
  }

  /** Before a request. @throws AddressRefused */
  expect(url: URL): void {
    this.#registry ??= url
    if (this.isListed(url)) return
    const { hostname } = url
    const address = hostname.replace(/^\[(.*)\]$/, '$1')
    if (isIP(address) !== 0) this.#expectAddress(hostname, address)
    else if (isForbiddenName(bare(hostname))) throw refusal(hostname, isThisMachine)
  }

  /** For sockets: resolves a name to the addresses that are allowed, fails with AddressRefused when none is. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    const all = { ...options, all: true } as LookupOptions & { all: true }
    this.#resolve(hostname, all, (error, found) => {
      if (error !== null) {
        this.#unresolved.add(hostname)
        return callback(error, [])
      }
      const addresses = found as unknown as readonly LookupAddress[]
      let refused: Error | undefined
      const allowed = addresses.filter(({ address }) => {
        try {
          this.#expectAddress(hostname, address)
          return true
        } catch (cause) {
          refused = cause as Error
          return false
        }
      })
      const [first] = allowed
      if (first === undefined) {
        this.#unresolved.add(hostname)
        return callback(refused ?? refusal(hostname, isThisMachine), [])
      }
      return options.all === true ? callback(null, [...allowed]) : callback(null, first.address, first.family)
    })
  }

  /** After a connection was made: `address` is that of the other end. */
  connected(hostname: string, address: string): void {
    if (this.#registry?.hostname === hostname && !isIn(inside, address)) this.#isOutside = true
  }

  #expectAddress(hostname: string, address: string): void {
    if (isIn(forbidden, address)) throw refusal(hostname, isThisMachine)
    if (!isIn(inside, address)) return
    if (this.#rules.privateAddresses === 'refuse') throw refusal(hostname, isPrivate)
    if (!this.#mayBeInside(hostname)) throw refusal(hostname, isInsideOfOutside)
    this.#inside.add(hostname)
  }

  #mayBeInside(hostname: string): boolean {
    const registry = this.#registry
    if (registry === undefined || this.isListed(registry)) return true
    return !this.#isOutside && (registry.hostname === hostname || this.#inside.has(registry.hostname))
  }
}

function refusal(hostname: string, why: string): AddressRefused {
  return new AddressRefused(`${hostname} has ${why}; ${advice}`)
}
