import { X509Certificate } from 'node:crypto'
import { isPair, issueCertificate, type KeyPair, type Use } from '../x509.ts'

/** A certificate with its key and the authorities with which the other side is verified; PEM texts. */
export interface Bundle extends KeyPair {
  /** The authority that issues now, then former ones that are still valid. */
  readonly ca: string
}

const day = 24 * 60 * 60 * 1000
/** How long they live, in milliseconds. The authority outlives many of what it issues. */
const life = { authority: 3650 * day, leaf: 90 * day }
/** Clocks of other machines may be behind. */
const early = 60 * 60 * 1000

/** Names of the certificates' subjects. */
const subjects = {
  authority: 'kmm-operator-temporal-ca',
  server: 'kmm-operator-temporal',
  client: 'kmm-operator',
}

/**
 * The authority to use from now on: `current` until two thirds of its life are over, otherwise a new one, which keeps
 * the former one among the trusted authorities, so that certificates of the former one stay valid.
 */
export function planAuthority(current: Bundle | undefined, now: Date): Bundle {
  if (current !== undefined && !isDue(current.cert, now) && isPair(current)) return current
  const made = issue(subjects.authority, { kind: 'authority' }, life.authority, now)
  const former = current === undefined ? [] : certificatesOf(current.ca).filter((pem) => isValid(pem, now))
  return { ...made, ca: [made.cert, ...former].join('') }
}

/** The client certificate to use from now on: `current` while it is good and of this authority. */
export function planClient(authority: Bundle, current: Bundle | undefined, now: Date): Bundle {
  return planLeaf(authority, current, subjects.client, { kind: 'client' }, now)
}

/** The server certificate to use from now on: `current` while it is good, of this authority, and has these names. */
export function planServer(
  authority: Bundle,
  current: Bundle | undefined,
  hosts: readonly string[],
  now: Date,
): Bundle {
  return planLeaf(authority, current, subjects.server, { kind: 'server', hosts }, now)
}

function planLeaf(
  authority: Bundle,
  current: Bundle | undefined,
  commonName: string,
  use: Use,
  now: Date,
): Bundle {
  if (current !== undefined && isGood(authority, current, use, now)) {
    return { ...current, ca: authority.ca }
  }
  return { ...issue(commonName, use, life.leaf, now, authority), ca: authority.ca }
}

function isGood(authority: Bundle, current: Bundle, use: Use, now: Date): boolean {
  if (isDue(current.cert, now) || !isPair(current)) return false
  const leaf = new X509Certificate(current.cert)
  const hasNames = use.kind !== 'server' || use.hosts.every((host) => leaf.checkHost(host) !== undefined)
  return hasNames && leaf.verify(new X509Certificate(authority.cert).publicKey)
}

function issue(commonName: string, use: Use, lifeMs: number, now: Date, issuer?: KeyPair): KeyPair {
  const notBefore = new Date(now.getTime() - early)
  return issueCertificate({ commonName, use, notBefore, notAfter: new Date(now.getTime() + lifeMs) }, issuer)
}

/** Two thirds of its life are over, or it is no certificate. */
function isDue(pem: string, now: Date): boolean {
  const certificate = parse(pem)
  if (certificate === undefined) return true
  const from = certificate.validFromDate.getTime()
  const to = certificate.validToDate.getTime()
  return now.getTime() >= from + ((to - from) * 2) / 3
}

function isValid(pem: string, now: Date): boolean {
  const certificate = parse(pem)
  return certificate !== undefined && certificate.validToDate > now
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function certificatesOf(bundle: string): string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? []
}
