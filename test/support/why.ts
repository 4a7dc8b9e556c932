import { expect } from 'vitest'
import { exitCodes } from '../../cli/exitCodes.ts'
import { eventually } from './eventually.ts'
import { plugin } from './plugin.ts'
import type { Scenario } from './scenario.ts'

/** What `kubectl kmod why` is to say first. */
export interface ToldCause {
  /** The line of the checklist. */
  readonly line: string
  readonly reason: string
  /** It goes on by itself; else it waits for a person. */
  readonly goesOn?: boolean
  /** One of the commands that it says help. */
  readonly helps?: string
}

/** How long the same may take to be said again. */
const patienceMs = 120_000

/** Asks the plugin, as a process with the administrator's rights, why a Module is not loaded. */
export async function expectWhy(
  { namespace, lab }: Scenario,
  name: string,
  { line, reason, goesOn = false, helps }: ToldCause,
): Promise<void> {
  const [sign, first] = goesOn ? ['…', 'Is waited for'] : ['✘', 'Fails first']
  const env = { KUBECONFIG: lab.state.kubernetes.kubeconfig }
  // What goes on by itself is under way again for a moment now and then.
  await eventually(
    `why says ${reason} of ${namespace}/${name}`,
    () => plugin(['why', name, '-n', namespace], env),
    ({ code, stdout }) => {
      expect(stdout).toMatch(new RegExp(`^ +${sign} ${line} +${reason}: `, 'm'))
      expect(stdout).toMatch(new RegExp(`^${first}: .*, ${line}: ${reason}$`, 'm'))
      if (helps !== undefined) expect(stdout.split('What helps:')[1]).toContain(`  ${helps}`)
      expect(code).toBe(goesOn ? exitCodes.notYet : exitCodes.no)
    },
    patienceMs,
  )
}
