import { runOrThrow } from '../../lab/programs/exec.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import type { TestLab } from './testLab.ts'

/** The operator's image under another name and digest: the same files, as a release without changes would have. */
export async function relabelledImage(lab: TestLab): Promise<string> {
  const crane = await ensurePrograms(['crane']).path('crane')
  const name = `${lab.workerImage}-next`
  const label = '--label=org.opencontainers.image.version=next'
  await runOrThrow([crane, 'mutate', '--insecure', label, `--tag=${name}`, lab.workerImage])
  return name
}
