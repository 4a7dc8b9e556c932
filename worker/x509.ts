import { createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'

/** PEM texts. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

export interface Wanted {
  readonly commonName: string
  readonly use: Use
  readonly notBefore: Date
  readonly notAfter: Date
}

/** What a certificate is for. `hosts`: names and addresses of a server. */
export type Use =
  | { readonly kind: 'authority' }
  | { readonly kind: 'server'; readonly hosts: readonly string[] }
  | { readonly kind: 'client' }
  /** A server's, for clients that do not verify it. */
  | { readonly kind: 'unspecified' }

/** ECDSA with SHA-256. */
const algorithm = () => new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' })
const commonNameType = '2.5.4.3'

/** A certificate with a fresh P-256 key, signed by `issuer`, or by itself without one. */
export function issueCertificate(wanted: Wanted, issuer?: KeyPair): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extensions = extensionsOf(wanted.use)
  const body = new TBSCertificate({
    version: Version.v3,
    serialNumber: positiveNumber(),
    signature: algorithm(),
    issuer: issuer === undefined ? nameOf(wanted.commonName) : subjectOf(issuer.cert),
    validity: new Validity({
      notBefore: toTheSecond(wanted.notBefore),
      notAfter: toTheSecond(wanted.notAfter),
    }),
    subject: nameOf(wanted.commonName),
    subjectPublicKeyInfo: AsnConvert.parse(
      publicKey.export({ type: 'spki', format: 'der' }),
      SubjectPublicKeyInfo,
    ),
    ...(extensions.length === 0 ? {} : { extensions: new Extensions(extensions) }),
  })
  const signingKey = issuer === undefined ? privateKey : createPrivateKey(issuer.key)
  const certificate = new Certificate({
    tbsCertificate: body,
    signatureAlgorithm: algorithm(),
    signatureValue: bytes(sign('sha256', Buffer.from(AsnConvert.serialize(body)), signingKey)),
  })
  return {
    cert: new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** Is this the private key of this certificate? False for a text that is no PEM. */
export function isPair({ cert, key }: KeyPair): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

function extensionsOf(use: Use): Extension[] {
  const { digitalSignature, keyCertSign, cRLSign } = KeyUsageFlags
  switch (use.kind) {
    case 'unspecified':
      return []
    case 'authority':
      return [
        extension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 }), true),
        extension(id_ce_keyUsage, new KeyUsage(keyCertSign | cRLSign), true),
      ]
    case 'client':
      return leaf(digitalSignature, id_kp_clientAuth)
    case 'server':
      return [
        // Temporal's servers are each other's clients, with the same certificate.
        ...leaf(digitalSignature, id_kp_serverAuth, id_kp_clientAuth),
        extension(id_ce_subjectAltName, new SubjectAlternativeName(use.hosts.map(generalName)), false),
      ]
  }
}

function leaf(usage: KeyUsageFlags, ...purposes: string[]): Extension[] {
  return [
    extension(id_ce_basicConstraints, new BasicConstraints(), true),
    extension(id_ce_keyUsage, new KeyUsage(usage), true),
    extension(id_ce_extKeyUsage, new ExtendedKeyUsage(purposes), false),
  ]
}

function extension(extnID: string, value: object, critical: boolean): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

function generalName(host: string): GeneralName {
  return new GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host })
}

function nameOf(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName })
  return new Name([
    new RelativeDistinguishedName([new AttributeTypeAndValue({ type: commonNameType, value })]),
  ])
}

function subjectOf(pem: string): Name {
  return AsnConvert.parse(new X509Certificate(pem).raw, Certificate).tbsCertificate.subject
}

function toTheSecond(at: Date): Date {
  return new Date(Math.floor(at.getTime() / 1000) * 1000)
}

/** 16 bytes of which the first is small and not zero: positive, and as short as it may be. */
function positiveNumber(): ArrayBuffer {
  return bytes(Buffer.concat([Buffer.of(1), randomBytes(15)]))
}

function bytes(from: Buffer): ArrayBuffer {
  return new Uint8Array(from).buffer
}
