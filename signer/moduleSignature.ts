import { sign, verify } from 'node:crypto'
import {
  ContentInfo,
  DigestAlgorithmIdentifier,
  DigestAlgorithmIdentifiers,
  EncapsulatedContentInfo,
  id_data,
  id_signedData,
  IssuerAndSerialNumber,
  SignatureAlgorithmIdentifier,
  SignedData,
  SignerIdentifier,
  SignerInfo,
  SignerInfos,
} from '@peculiar/asn1-cms'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { Certificate } from '@peculiar/asn1-x509'
import type { Credentials } from './credentials.ts'

/** The last bytes of a signed file; the kernel looks for them (include/linux/module_signature.h). */
const magic = Buffer.from('~Module signature appended~\n')
/** Bytes of the kernel's `struct module_signature`. */
const trailerLength = 12
/** Its `id_type` for a PKCS#7 message. */
const pkcs7 = 2

const oids = {
  sha256: '2.16.840.1.101.3.4.2.1',
  rsa: '1.2.840.113549.1.1.1',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
}
/** The parameters of algorithms that have none. */
const nothing = new Uint8Array([5, 0]).buffer

/**
 * A file with a signature as the kernel takes it: appended, SHA-256, a detached PKCS#7 message without certificates and
 * attributes. A signature that it has is replaced, so that keys can be changed.
 */
export function signedFile(file: Buffer, credentials: Credentials): Buffer {
  const content = withoutSignature(file)
  const message = signatureOf(content, credentials)
  const trailer = Buffer.alloc(trailerLength)
  trailer.writeUInt8(pkcs7, 2)
  trailer.writeUInt32BE(message.length, 8)
  return Buffer.concat([content, message, trailer, magic])
}

/** A file as it was before it was signed. */
export function withoutSignature(file: Buffer): Buffer {
  let content = file
  for (let parts = splitSignature(file); parts !== undefined; parts = splitSignature(content))
    content = parts.content
  return content
}

/** The parts of a signed file; undefined for one that is not signed. */
export function splitSignature(
  file: Buffer,
): { readonly content: Buffer; readonly message: Buffer } | undefined {
  const end = file.length - magic.length - trailerLength
  if (end < 0 || !file.subarray(file.length - magic.length).equals(magic)) return undefined
  const length = file.readUInt32BE(end + 8)
  if (length > end) return undefined
  return { content: file.subarray(0, end - length), message: file.subarray(end - length, end) }
}

/** The PKCS#7 message (RFC 5652), in DER. What it says is verified with the certificate before it is given out. */
function signatureOf(content: Buffer, { key, certificate }: Credentials): Buffer {
  const signature = sign('sha256', content, key)
  if (!verify('sha256', content, certificate.publicKey, signature)) {
    throw new Error('the certificate does not verify what the key has signed')
  }
  const { tbsCertificate } = AsnConvert.parse(certificate.raw, Certificate)
  const { issuer, serialNumber } = tbsCertificate
  const digestAlgorithm = new DigestAlgorithmIdentifier({ algorithm: oids.sha256, parameters: nothing })
  const signatureAlgorithm = new SignatureAlgorithmIdentifier(
    key.asymmetricKeyType === 'rsa'
      ? { algorithm: oids.rsa, parameters: nothing }
      : { algorithm: oids.ecdsaWithSha256 },
  )
  const sid = new SignerIdentifier({
    issuerAndSerialNumber: new IssuerAndSerialNumber({ issuer, serialNumber }),
  })
  const signer = new SignerInfo({
    version: 1,
    sid,
    digestAlgorithm,
    signatureAlgorithm,
    signature: new OctetString(signature),
  })
  const signedData = new SignedData({
    version: 1,
    digestAlgorithms: new DigestAlgorithmIdentifiers([digestAlgorithm]),
    encapContentInfo: new EncapsulatedContentInfo({ eContentType: id_data }),
    signerInfos: new SignerInfos([signer]),
  })
  const message = new ContentInfo({ contentType: id_signedData, content: AsnConvert.serialize(signedData) })
  return Buffer.from(AsnConvert.serialize(message))
}
