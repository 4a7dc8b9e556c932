import { join } from 'node:path'
import { readSettings, settingVariables } from './config.ts'
import { startOperator } from './operator.ts'
import { requireFree } from './ports.ts'
import { ensurePrograms } from './programs/ensure.ts'
import type { Progress } from './programs/progress.ts'
import { createSupervisor, type ProgramError } from './supervisor.ts'
import { startTemporal } from './temporal.ts'

/**
 * `npm start -- --kubeconfig FILE`: Temporal and the operator as processes of this machine, for a cluster that is
 * there already. Stays until it is interrupted; gives the exit status. Throws what is missing, with the fix.
 */
export async function openTemporalBeside(options: {
  readonly dir: string
  readonly kubeconfig: string
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly interrupted: { readonly promise: Promise<null> }
}): Promise<number> {
  const { dir, kubeconfig, progress, signal, interrupted } = options
  const image = process.env['RELATED_IMAGE_WORKER']
  if (image === undefined || image === '') {
    throw new Error(
      'set RELATED_IMAGE_WORKER to the image of worker pods: build deploy/Dockerfile and push it',
    )
  }
  const settings = readSettings(dir, process.env)
  const wanted = [
    { program: 'Temporal', port: settings.temporalPort, setting: settingVariables.temporalPort },
    { program: "Temporal's UI", port: settings.uiPort, setting: settingVariables.uiPort },
  ]
  for (const port of wanted) await requireFree({ ...port, address: '127.0.0.1' })
  const died = Promise.withResolvers<ProgramError>()
  const supervisor = createSupervisor({ dir, onDeath: died.resolve })
  try {
    const { address, namespace, ui } = await startTemporal({
      supervisor,
      programs: ensurePrograms(['temporal'], { progress, signal }),
      port: settings.temporalPort,
      uiPort: settings.uiPort,
      namespace: 'kmm',
      database: join(dir, 'temporal', 'temporal.db'),
    })
    await startOperator({ dir, supervisor, kubeconfig, temporal: { address, namespace }, image })
    progress.note(
      `the operator looks after the cluster of ${kubeconfig}\nTemporal UI  ${ui}\nIt stays up until Ctrl-C.`,
    )
    const death = await Promise.race([died.promise, interrupted.promise])
    if (death !== null) progress.note(death.message)
    return death === null ? 0 : 1
  } finally {
    await supervisor.stop()
  }
}
