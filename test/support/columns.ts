import type { RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
import { Agent, request } from 'undici'
import { z } from 'zod'
import { group, version } from '../../api/names.ts'
import type { TestLab } from './testLab.ts'

const tableSchema = z.object({
  columnDefinitions: z.array(z.object({ name: z.string() })),
  rows: z.array(z.object({ cells: z.array(z.unknown()) })),
})

/**
 * What `kubectl get modules` prints: the API server itself makes the table, kubectl only aligns it. One record by
 * column name for each Module of the namespace.
 */
export async function moduleColumns(lab: TestLab, namespace: string): Promise<Record<string, unknown>[]> {
  const config = new KubeConfig()
  config.loadFromFile(lab.state.kubernetes.kubeconfig)
  const options: RequestOptions = {}
  await config.applyToHTTPSOptions(options)
  const { Authorization: authorization = '' } = z.record(z.string(), z.string()).parse(options.headers)
  const headers = { authorization, accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }
  const dispatcher = new Agent({ connect: { ca: String(options.ca) } })
  try {
    const url = `${lab.kube.server}/apis/${group}/${version}/namespaces/${namespace}/modules`
    const { body } = await request(url, { dispatcher, headers })
    const { columnDefinitions, rows } = tableSchema.parse(await body.json())
    return rows.map(({ cells }) =>
      Object.fromEntries(columnDefinitions.map(({ name }, index) => [name, cells[index]])),
    )
  } finally {
    await dispatcher.destroy()
  }
}
