import { usageError } from '../args/parse.ts'
import { shells, type Shell } from '../args/shells.ts'
import type { Call } from '../call.ts'
import { exitCodes } from '../exitCodes.ts'

/** Prints the completion script of a shell. */
export async function completion(call: Call) {
  const [shell = ''] = call.arguments
  if (!Object.hasOwn(shells, shell)) {
    throw usageError({ name: 'completion' }, `"${shell}": give ${Object.keys(shells).join(', ')}`)
  }
  call.write(shells[shell as Shell])
  return exitCodes.ok
}
