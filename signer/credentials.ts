import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { SignError } from './signError.ts'

/** With what modules are signed; the certificate is of the key. */
export interface Credentials {
  readonly key: KeyObject
  readonly certificate: X509Certificate
}

/** Of which the kernel has an implementation. */
const curves: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1']

/**
 * Reads the private key and its certificate, as PEM or DER (images:SGN-4). The kernel verifies RSA and ECDSA. No
 * message holds anything of the key.
 * @throws SignError SignKeyInvalid, SignCertInvalid or SignKeyMismatch
 */
export function readCredentials(key: Buffer, certificate: Buffer): Credentials {
  const credentials = { key: readKey(key), certificate: readCertificate(certificate) }
  const { asymmetricKeyType: type, asymmetricKeyDetails: { namedCurve = '' } = {} } = credentials.key
  if (type !== 'rsa' && !(type === 'ec' && curves.includes(namedCurve))) {
    const message = `sign.keySecret: key "key" is of type ${[type, namedCurve].join(' ').trim()}; the kernel verifies RSA and ECDSA with NIST's curves.`
    throw new SignError('SignKeyInvalid', message)
  }
  if (!credentials.certificate.checkPrivateKey(credentials.key)) {
    const message = 'sign.certSecret: the certificate is not of the private key in sign.keySecret.'
    throw new SignError('SignKeyMismatch', message)
  }
  return credentials
}

function readKey(data: Buffer): KeyObject {
  const text = data.toString('latin1')
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text)) {
    const message = 'sign.keySecret: key "key" is encrypted; there is nobody to give its passphrase.'
    throw new SignError('SignKeyInvalid', message)
  }
  try {
    return text.includes('-----BEGIN')
      ? createPrivateKey(data)
      : createPrivateKey({ key: data, format: 'der', type: 'pkcs8' })
  } catch {
    throw new SignError('SignKeyInvalid', 'sign.keySecret: key "key" is not a private key as PEM.')
  }
}

function readCertificate(data: Buffer): X509Certificate {
  try {
    return new X509Certificate(data)
  } catch {
    throw new SignError(
      'SignCertInvalid',
      'sign.certSecret: key "cert" is not an X.509 certificate as PEM or DER.',
    )
  }
}
