import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { networkPlan, readSettings } from './config.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kmm-config-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const write = (content: object) => writeFileSync(join(dir, 'config.json'), JSON.stringify(content))

test('defaults, file, environment and overrides, the later winning', () => {
  expect(readSettings(dir, {})).toMatchObject({ apiPort: 6443, registryPort: 5000, network: '10.200.0.0/16' })
  write({ apiPort: 1001, registryPort: 1002, temporalPort: 1003 })
  const environment = { KMM_LAB_REGISTRY_PORT: '2002', KMM_LAB_TEMPORAL_PORT: '2003', KMM_LAB_UI_PORT: '' }
  expect(readSettings(dir, environment, { temporalPort: 3003 })).toMatchObject({
    apiPort: 1001,
    registryPort: 2002,
    temporalPort: 3003,
    uiPort: 8233,
  })
})

test.each([
  [{}, { KMM_LAB_API_PORT: 'x' }, /apiPort \(KMM_LAB_API_PORT\)/],
  [{}, { KMM_LAB_API_PORT: '70000' }, /apiPort \(KMM_LAB_API_PORT\)/],
  [{}, { KMM_LAB_NETWORK: '10.0.0.0/8' }, /network \(KMM_LAB_NETWORK\): must be an IPv4 network of 16 bits/],
  [{ bridge: 'far-too-long-a-name' }, {}, /bridge \(KMM_LAB_BRIDGE\): must be a device name/],
  [{ apiport: 1 }, {}, /Unrecognized key: "apiport"/],
])('what is wrong is named: %j %j', (file, environment, message) => {
  write(file)
  expect(() => readSettings(dir, environment)).toThrow(message)
})

test('the addresses are in the network', () => {
  expect(networkPlan({ ...readSettings(dir, {}), network: '172.30.0.0/16' })).toEqual({
    network: '172.30.0.0/16',
    bridge: 'kmm-lab',
    address: '172.30.0.1',
    nodeAddress: '172.30.0.2',
    podNetwork: '172.30.1.0/24',
    loadNodeAddress: '172.30.0.3',
    loadPodNetwork: '172.30.2.0/24',
    services: { network: '172.30.96.0/20', apiServer: '172.30.96.1' },
  })
})
