import { annotations, moduleKey } from '../../api/names.ts'
import type { StoredModule } from '../../api/readModule.ts'
import { kernelsToCancel, kernelsToRetry } from '../../api/viewModule.ts'
import type { Call } from '../call.ts'
import { storedOf } from '../cluster/storedOf.ts'
import { CliError, exitCodes, type ExitCode } from '../exitCodes.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'

/** `kubectl kmod retry MODULE` */
export async function retry(call: Call): Promise<ExitCode> {
  if (call.isSet('rebuild')) {
    return await steer(call, {
      annotation: annotations.rebuild,
      kernelsFor: kernelsWithImage,
      done: 'Asked for a build of the image that is there',
      nothing: 'has an image: there is nothing to build again',
    })
  }
  return await steer(call, {
    annotation: annotations.retryBuild,
    kernelsFor: kernelsToRetry,
    done: 'Asked for a retry',
    nothing: 'is held: there is nothing to retry',
  })
}

/** `kubectl kmod cancel MODULE` */
export async function cancel(call: Call): Promise<ExitCode> {
  return await steer(call, {
    annotation: annotations.cancelBuild,
    kernelsFor: kernelsToCancel,
    done: 'Asked to cancel the build',
    nothing: 'is being built: there is nothing to cancel',
  })
}

/** Whether an image can be built again is the operator's to say: as an Event of the Module. */
function kernelsWithImage({ status }: StoredModule, which: string): string[] {
  const meant = (status?.kernels ?? []).filter(({ kernel }) => which === 'all' || kernel === which)
  return meant.filter(({ image }) => image !== undefined).map(({ kernel }) => kernel)
}

interface Wish {
  readonly annotation: string
  /** The operator's own rule for whom it is about. */
  readonly kernelsFor: (module: StoredModule, which: string) => readonly string[]
  readonly done: string
  readonly nothing: string
}

/** Sets an annotation that the operator takes off when it has acted: who may patch Modules may steer. */
async function steer(call: Call, { annotation, kernelsFor, done, nothing }: Wish): Promise<ExitCode> {
  const [name = ''] = call.arguments
  const ref = { namespace: call.namespace, name }
  const which = call.flag('kernel') ?? 'all'
  const object = await call.cluster.get<StoredObject>(kinds.modules, ref)
  if (object === undefined) throw new CliError(`There is no Module ${moduleKey(ref)}.`, exitCodes.notFound)
  const kernels = kernelsFor(storedOf(object), which)
  if (kernels.length === 0) {
    const where = which === 'all' ? '' : ` for kernel ${which}`
    throw new CliError(`Nothing of Module ${moduleKey(ref)}${where} ${nothing}.`, exitCodes.no)
  }
  const { uid } = object.metadata
  await call.cluster.patch(kinds.modules, ref, { metadata: { uid, annotations: { [annotation]: which } } })
  const asked = { module: moduleKey(ref), kernels }
  call.print(asked, () => `${done} of Module ${asked.module}, kernel ${kernels.join(', ')}.`)
  return exitCodes.ok
}
