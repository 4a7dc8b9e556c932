import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** PEM texts. */
export interface SelfSigned {
  readonly cert: string
  readonly key: string
}

const years = 10
const version3 = 2

/** A certificate of a server that nobody vouches for, with a fresh key: it keeps what is said secret, and no more. */
export function selfSigned(commonName: string, now = new Date()): SelfSigned {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const until = new Date(now)
  until.setUTCFullYear(until.getUTCFullYear() + years)
  const name = sequence(set(sequence(oid(2, 5, 4, 3), utf8(commonName))))
  const algorithm = sequence(oid(1, 2, 840, 10045, 4, 3, 2))
  // The first byte is small and not zero, so the number is positive and as short as it may be.
  const serial = Buffer.concat([Buffer.of(1), randomBytes(15)])
  const body = sequence(
    tagged(0xa0, integer(Buffer.of(version3))),
    integer(serial),
    algorithm,
    name,
    sequence(time(now), time(until)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  )
  const signature = Buffer.concat([Buffer.of(0), sign('sha256', body, privateKey)])
  const certificate = sequence(body, algorithm, tagged(0x03, signature))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return {
    cert: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** DER: a tag, a length, the content. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}
const sequence = (...parts: readonly Buffer[]) => tagged(0x30, Buffer.concat(parts))
const set = (part: Buffer) => tagged(0x31, part)
const integer = (bytes: Buffer) => tagged(0x02, bytes)
const utf8 = (text: string) => tagged(0x0c, Buffer.from(text))
/** To the second; RFC 5280 wants years of two digits before 2050. */
function time(at: Date): Buffer {
  const text = at.toISOString().replace(/[-:T]|\.\d+/g, '')
  return at.getUTCFullYear() < 2050
    ? tagged(0x17, Buffer.from(text.slice(2)))
    : tagged(0x18, Buffer.from(text))
}

function oid(first: number, second: number, ...rest: readonly number[]): Buffer {
  const base128 = (number: number): number[] =>
    number < 0x80 ? [number] : [...base128(number >> 7).map((byte) => byte | 0x80), number & 0x7f]
  return tagged(0x06, Buffer.of(first * 40 + second, ...rest.flatMap(base128)))
}
