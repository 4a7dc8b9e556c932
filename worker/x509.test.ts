import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { issueCertificate } from './x509.ts'

const span = { notBefore: new Date('2026-03-01T12:00:00Z'), notAfter: new Date('2027-03-01T12:00:00Z') }
const authority = issueCertificate({ ...span, commonName: 'authority', use: { kind: 'authority' } })

test('an authority signs certificates of servers', () => {
  const hosts = ['temporal', 'temporal.kmm.svc', '127.0.0.1', '::1']
  const { cert } = issueCertificate(
    { ...span, commonName: 'server', use: { kind: 'server', hosts } },
    authority,
  )
  const parsed = new X509Certificate(cert)
  const issuer = new X509Certificate(authority.cert)
  expect(issuer.ca).toBe(true)
  expect(parsed.ca).toBe(false)
  expect(parsed.checkIssued(issuer)).toBe(true)
  expect(parsed.verify(issuer.publicKey)).toBe(true)
  expect(parsed.checkHost('temporal.kmm.svc')).toBe('temporal.kmm.svc')
  expect(parsed.checkHost('other')).toBeUndefined()
  expect(parsed.checkIP('127.0.0.1')).toBe('127.0.0.1')
  expect(parsed.checkIP('::1')).toBe('::1')
  expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
})

test('a client certificate is not one of a server', () => {
  const { cert } = issueCertificate({ ...span, commonName: 'client', use: { kind: 'client' } }, authority)
  expect(new X509Certificate(cert).keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
})

test('each certificate has its own number and key', () => {
  const [a, b] = [1, 2].map(() =>
    issueCertificate({ ...span, commonName: 'c', use: { kind: 'client' } }, authority),
  )
  expect(new X509Certificate(a?.cert ?? '').serialNumber).not.toBe(
    new X509Certificate(b?.cert ?? '').serialNumber,
  )
  expect(a?.key).not.toBe(b?.key)
})
