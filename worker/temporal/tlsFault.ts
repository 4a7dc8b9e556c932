import { oneLine } from '../../api/oneLine.ts'
import { type TemporalFault, TemporalFaultError } from './faults.ts'

/** What an error of the TLS layer means, also of one that a server sends only after the handshake (TLS 1.3). */
export function handshakeFault(error: unknown): TemporalFault {
  if (error instanceof TemporalFaultError) return error.fault
  const code = codeOf(error)
  const reason = oneLine(error)
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return { kind: 'plainServer' }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return { kind: 'serverName', reason }
  if (/^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code))
    return { kind: 'untrusted', reason: reason.split(';')[0] ?? reason }
  // The alerts with which a server refuses a certificate, or its absence.
  if (
    /_ALERT_(NO_CERTIFICATE|BAD_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED|UNSUPPORTED_CERTIFICATE)$/.test(
      code,
    )
  )
    return { kind: 'clientCertificate', reason: alertText(reason) }
  if (/^(ECONNRESET|EPIPE)$/.test(code)) return { kind: 'plainServer' }
  return { kind: 'handshake', reason }
}

/** Of OpenSSL's line only the words: `...:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:...`. */
function alertText(line: string): string {
  const [, words = line] = /:((?:tls|ssl)v?[\d]* ?alert [^:]+)/i.exec(line) ?? []
  return words
}

/** The code of an error of Node; empty without one. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
