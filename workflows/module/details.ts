import type { ModuleView } from '../../activities/contract.ts'
import { help } from '../../api/commandsThatHelp.ts'
import { moduleKey, type ModuleRef } from '../../api/names.ts'

/** The Markdown page of a Module's own run in the Temporal UI: how it stands, what it waits for, what unblocks it. */
export function describeModuleDetails(ref: ModuleRef, { summary, remains }: ModuleView): string {
  const heading = [`### Module ${moduleKey(ref)}`, '', summary]
  if (remains.length === 0) return heading.join('\n')
  return [
    ...heading,
    '',
    '#### Waits for',
    ...remains.map((line) => `- ${line}`),
    '',
    '**What unblocks it**: The module is unloaded by itself where its node answers and nobody uses it. To give up what ' +
      'cannot be unloaded:',
    '',
    '```sh',
    help.giveUp(ref),
    '```',
  ].join('\n')
}
