import type { NativeConnection } from '@temporalio/worker'
import { isForbidden } from '../activities/kube/errors.ts'
import type { Transport } from '../activities/kube/transport.ts'

/** Asks the API server whether it is ready. Throws when it is not, or does not answer. */
export async function askApiServer({ text }: Pick<Transport, 'text'>): Promise<undefined> {
  try {
    await text({ verb: 'get', resource: 'readyz', path: '/readyz' })
  } catch (error) {
    // Some clusters tell strangers nothing; an answer it is.
    if (!isForbidden(error)) throw error
  }
}

/** Asks Temporal who it is. Throws when it does not answer. */
export async function askTemporal({
  workflowService,
}: Pick<NativeConnection, 'workflowService'>): Promise<undefined> {
  await workflowService.getSystemInfo({})
}
