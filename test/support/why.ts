import { expect } from 'vitest'
import { exitCodes } from '../../cli/exitCodes.ts'
import { plugin } from './plugin.ts'
import type { Scenario } from './scenario.ts'

/** What `kubectl kmod why` is to say first. */
export interface ToldCause {
  /** The line of the checklist. */
  readonly line: string
  readonly reason: string
  /** It goes on by itself; else it waits for a person. */
  readonly goesOn?: boolean
}

/** Asks the plugin, as a process with the administrator's rights, why a Module is not loaded. */
export async function expectWhy(
  { namespace, lab }: Scenario,
  name: string,
  { line, reason, goesOn = false }: ToldCause,
): Promise<void> {
  const { code, stdout, stderr } = await plugin(['why', name, '-n', namespace], {
    KUBECONFIG: lab.state.kubernetes.kubeconfig,
  })
  const [sign, first] = goesOn ? ['…', 'Is waited for'] : ['✘', 'Fails first']
  const words = new RegExp(`^ +${sign} ${line} +${reason}: `, 'm')
  expect(stdout, stderr).toMatch(words)
  expect(stdout).toMatch(new RegExp(`^${first}: .*, ${line}: ${reason}$`, 'm'))
  expect(code).toBe(goesOn ? exitCodes.notYet : exitCodes.no)
}
