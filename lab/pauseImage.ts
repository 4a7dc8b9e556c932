import { pushImage } from './pushImage.ts'
import type { ProgramPaths } from './programPaths.ts'

/** Pushes an image whose program waits to be killed, for pods to hold their namespaces; returns its reference. */
export async function pushPause(programs: ProgramPaths, registry: string): Promise<string> {
  const reference = `${registry}/kmm-lab/pause:1`
  await pushImage(programs, {
    reference,
    files: { '/bin/busybox': await programs.path('busybox') },
    entrypoint: ['/bin/busybox', 'sleep', '2147483647'],
  })
  return reference
}
