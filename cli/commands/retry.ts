import { annotations, moduleKey } from '../../api/names.ts'
import { parseModule, type StoredModule } from '../../api/readModule.ts'
import { kernelsToRetry } from '../../api/viewModule.ts'
import type { Call } from '../call.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'

/** `kubectl kmod retry MODULE`: the annotation that the operator takes; who may patch Modules may retry. */
export async function retry(call: Call) {
  const [name = ''] = call.arguments
  const ref = { namespace: call.namespace, name }
  const which = call.flag('kernel') ?? 'all'
  const object = await call.cluster.get<StoredObject>(kinds.modules, ref)
  if (object === undefined) throw new CliError(`There is no Module ${moduleKey(ref)}.`, exitCodes.notFound)
  const held = kernelsToRetry(storedOf(object), which)
  if (held.length === 0) {
    const where = which === 'all' ? '' : ` for kernel ${which}`
    throw new CliError(
      `Nothing of Module ${moduleKey(ref)} is held${where}: there is nothing to retry.`,
      exitCodes.no,
    )
  }
  const { uid } = object.metadata
  await call.cluster.patch(kinds.modules, ref, {
    metadata: { uid, annotations: { [annotations.retryBuild]: which } },
  })
  const asked = { module: moduleKey(ref), kernels: held }
  call.print(asked, () => `Asked for a retry of Module ${asked.module}, kernel ${held.join(', ')}.`)
  return exitCodes.ok
}

/** What stands in a Module, readable or not. */
function storedOf(object: StoredObject): StoredModule {
  const parsed = parseModule(object)
  if (parsed.ok) return parsed.module
  const { metadata } = object
  return (
    parsed.unreadable ?? {
      metadata: { ...metadata, namespace: metadata.namespace ?? '' } as StoredModule['metadata'],
    }
  )
}
