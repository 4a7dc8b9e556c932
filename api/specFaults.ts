import { checkMappings } from './mapping.ts'
import type { Condition, Module } from './module.ts'
import type { UnreadableModule } from './readModule.ts'

type Because = Pick<Condition, 'reason' | 'message'>
type Verdict = Because & Pick<Condition, 'type' | 'status'>

/** A condition's message holds 32,768 characters. */
const messageLimit = 8000

const checked = new WeakMap<Module, Because | 'none'>()

/**
 * What is wrong with kernel mappings before any node shows it: unknown variables, image references, expressions that
 * the API server knows and we do not. Other mappings are not held up by it. Looked at once for each Module object.
 */
export function mappingFault(module: Module): Because | undefined {
  const known = checked.get(module)
  if (known !== undefined) return known === 'none' ? undefined : known
  const faults = checkMappings(module)
  const [first] = faults
  const message = faults
    .map((fault) => fault.message)
    .join('; ')
    .slice(0, messageLimit)
  const because = first === undefined ? undefined : { reason: first.reason, message }
  checked.set(module, because ?? 'none')
  return because
}

/** The conditions of a Module that cannot be read: all faults at once, and what that means for the nodes. */
export function unreadableVerdicts({ metadata, faults }: UnreadableModule): Verdict[] {
  const texts = faults.map(({ field, message }) => `${field}: ${message}`).join('; ')
  const because = {
    reason: 'SpecInvalid',
    message: `Nothing is built, loaded or unloaded until the Module is mended: ${texts}`.slice(
      0,
      messageLimit,
    ),
  }
  const ready =
    metadata.deletionTimestamp === undefined
      ? because
      : { reason: 'Deleting', message: 'The module is being unloaded.' }
  return [
    { type: 'Ready', status: 'False', ...ready },
    { type: 'ImagesReady', status: 'False', ...because },
    { type: 'Progressing', status: 'False', reason: 'AtRest', message: 'Nothing is going on.' },
    { type: 'Degraded', status: 'True', ...because },
  ]
}
