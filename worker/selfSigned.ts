import { issueCertificate, type KeyPair } from './x509.ts'

const years = 10

/**
 * A certificate of a server that no authority signed, with a fresh key: it encrypts a connection and proves nothing.
 */
export function selfSigned(commonName: string, now = new Date()): KeyPair {
  const notAfter = new Date(now)
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + years)
  return issueCertificate({ commonName, use: { kind: 'unspecified' }, notBefore: now, notAfter })
}
