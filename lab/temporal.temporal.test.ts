import { Connection } from '@temporalio/client'
import { expect, inject, test } from 'vitest'
import { searchAttributeTypes } from '../api/searchAttributes.ts'

test('the server keeps history for 30 days and knows the search attributes', async () => {
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  try {
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' })
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 60 * 60)
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: 'default',
    })
    expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(searchAttributeTypes)))
  } finally {
    await connection.close()
  }
})
