import type { ModuleView } from '../../activities/contract.ts'
import { help } from '../../api/commandsThatHelp.ts'
import { renderMarkdown, type Block } from '../../api/text/markdown.ts'
import { moduleKey, type ModuleRef } from '../../api/names.ts'

/** The Markdown page of a Module's own run in the Temporal UI: how it stands, what it waits for, what unblocks it. */
export function describeModuleDetails(ref: ModuleRef, { summary, remains }: ModuleView): string {
  const heading: readonly Block[] = [
    { kind: 'heading', level: 3, text: `Module ${moduleKey(ref)}` },
    { kind: 'text', text: summary },
  ]
  if (remains.length === 0) return renderMarkdown(heading)
  return renderMarkdown([
    ...heading,
    { kind: 'heading', level: 4, text: 'Waits for' },
    { kind: 'list', items: remains.map((text) => ({ text })) },
    {
      kind: 'text',
      label: 'What unblocks it',
      text: 'The module is unloaded by itself where its node answers and nobody uses it. To give up what cannot be unloaded:',
    },
    { kind: 'code', language: 'sh', lines: [help.giveUp(ref)] },
  ])
}
