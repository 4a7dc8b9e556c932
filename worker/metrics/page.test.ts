import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createMetricsPage } from './page.ts'

const sources = {
  cache: { modules: () => [], unreadableModules: () => [], nodes: () => [] },
  requests: new Map([['patch modules/status', 3]]),
}

/** The SDK's exporter. */
async function exporter(status: number): Promise<string> {
  const server = createServer((_request, response) =>
    response.writeHead(status).end('temporal_request_total 5\n'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('cluster, requests, process and Temporal are on one page', async () => {
  const text = await createMetricsPage({ ...sources, temporalUrl: await exporter(200) }).text()
  for (const line of [
    'kmm_module_num 0',
    'kmm_kubernetes_requests_total{verb="patch",resource="modules/status"} 3',
    'temporal_request_total 5',
  ])
    expect(text.split('\n')).toContain(line)
  expect(text).toMatch(/^process_resident_memory_bytes \d/m)
})

test('requests are not added up from one look to the next', async () => {
  const page = createMetricsPage({ ...sources, temporalUrl: undefined })
  await page.text()
  expect(await page.text()).toContain('{verb="patch",resource="modules/status"} 3\n')
})

test.each([
  ['an error', async () => await exporter(500)],
  ['nothing', async () => 'http://127.0.0.1:1/metrics'],
])('the rest is there when the SDK answers with %s', async (_name, url) => {
  const text = await createMetricsPage({ ...sources, temporalUrl: await url() }).text()
  expect(text).toContain('kmm_module_num 0')
  expect(text).not.toContain('temporal_request_total')
})

test('docs/monitoring.md has every metric of ours, and none that is not there', async () => {
  const text = await createMetricsPage({ ...sources, temporalUrl: undefined }).text()
  const docs = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8')
  const named = (found: Iterable<RegExpMatchArray>) => new Set([...found].map(([, name]) => name))
  const told = named(docs.matchAll(/`(kmm_\w+)`/g))
  expect(told).toEqual(named(text.matchAll(/^# TYPE (kmm_\w+)/gm)))
})
