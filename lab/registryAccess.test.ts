import { expect, test } from 'vitest'
import { registryFiles } from './registryAccess.ts'

test('containerd reaches registries over plain HTTP, or TLS with their authority, with a login or without', () => {
  expect(registryFiles('/certs.d', 'r:1')).toEqual({
    'r:1/hosts.toml': 'server = "http://r:1"\n[host."http://r:1"]\ncapabilities = ["pull", "resolve"]\n',
  })
  const tls = registryFiles('/certs.d', 'r:1', { authority: 'PEM', authorization: 'Basic x' })
  expect(tls['r:1/ca.crt']).toBe('PEM')
  expect(tls['r:1/hosts.toml']).toContain('server = "https://r:1"')
  expect(tls['r:1/hosts.toml']).toContain('ca = "/certs.d/r:1/ca.crt"')
  expect(tls['r:1/hosts.toml']).toContain('[host."https://r:1".header]\nauthorization = ["Basic x"]')
  expect(tls['r:1/hosts.toml']).toContain('\n[header]\nauthorization = ["Basic x"]')
})
