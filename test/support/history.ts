import type { TestLab } from './testLab.ts'
import { runsOf } from './runs.ts'
import type { ModuleRef } from '../../api/names.ts'

/** Everything Temporal keeps of a Module's kernel runs, as text: histories with their payloads, and open activities. */
export async function everythingOf(lab: TestLab, ref: ModuleRef): Promise<string> {
  const texts: string[] = []
  for (const { workflowId, runId } of await runsOf(lab, ref)) {
    const handle = lab.temporal.workflow.getHandle(workflowId, runId)
    texts.push(readable(await handle.fetchHistory()), readable((await handle.describe()).raw))
  }
  return texts.join('\n')
}

/** JSON in which the data of payloads stand as the text they hold: in messages of protobuf they are base64. */
export function readable(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => {
    if (key !== 'data') return item
    if (typeof item === 'string') return Buffer.from(item, 'base64').toString('utf8')
    return item instanceof Uint8Array ? Buffer.from(item).toString('utf8') : item
  })
}
