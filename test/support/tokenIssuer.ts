import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { planted } from './planted.ts'

/** Signs the tokens by which a Temporal server of a test knows API keys. */
export interface TokenIssuer {
  /** Where the server gets the key that verifies them. */
  readonly jwksUrl: string
  /** A JWT that grants these permissions, such as `temporal-system:admin` or `NAMESPACE:write`. */
  readonly issue: (permissions: readonly string[]) => string
  readonly close: () => void
}

/** Starts the issuer on this machine's loopback address. */
export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'test', use: 'sig', alg: 'ES256' }]
  const server = createServer((_request, response) => response.end(JSON.stringify({ keys })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  return {
    jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    issue: (permissions) => {
      const exp = Math.floor(Date.now() / 1000) + 3600
      const header = { alg: 'ES256', kid: 'test', typ: 'JWT' }
      const body = `${encode(header)}.${encode({ sub: 'kmm', jti: planted(), exp, permissions })}`
      const signature = sign('sha256', Buffer.from(body), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${body}.${signature.toString('base64url')}`
    },
    close: () => void server.close(),
  }
}
