import { NativeConnection } from '@temporalio/worker'
import { afterAll, expect, inject, test } from 'vitest'
import { retentionFault } from './retention.ts'

const connection = await NativeConnection.connect({ address: inject('temporalAddress') })
afterAll(async () => await connection.close())

test('a namespace that forgets its runs within a week is warned of', async () => {
  const namespace = `short-${process.pid}`
  expect(await retentionFault(connection, 'default')).toBeUndefined()
  // Whether it is there cannot be told: that is not for this warning to say.
  expect(await retentionFault(connection, namespace)).toBeUndefined()
  const seconds = 3 * 24 * 60 * 60
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: seconds as never },
  })
  await expect
    .poll(() => retentionFault(connection, namespace))
    .toMatch(/for 3 days: .* --namespace short-\d+ --retention 30d$/)
})
