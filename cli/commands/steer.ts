import { annotations, moduleKey } from '../../api/names.ts'
import type { StoredModule } from '../../api/readModule.ts'
import { kernelsToCancel, kernelsToRetry, kernelsWhere } from '../../api/steering.ts'
import type { Call } from '../call.ts'
import { storedOf } from '../cluster/storedOf.ts'
import { CliError, exitCodes, type ExitCode } from '../exitCodes.ts'
import { ApiError } from '../kube/errors.ts'
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
function kernelsWithImage(module: StoredModule, which: string): string[] {
  return kernelsWhere(module, which, ({ image }) => image !== undefined)
}

interface Wish {
  readonly annotation: string
  /** The operator's own rule for whom it is about. */
  readonly kernelsFor: (module: StoredModule, which: string) => readonly string[]
  readonly done: string
  readonly nothing: string
}

/** So often a Module that changes all the time is read again. */
const maxTries = 5

/**
 * Sets an annotation that the operator takes off when it has acted: who may patch Modules may steer. Only over the
 * version that was read, so that what another has asked for meanwhile is never replaced.
 */
async function steer(call: Call, wish: Wish): Promise<ExitCode> {
  const which = call.flag('kernel') ?? 'all'
  for (let tries = 1; ; tries++) {
    try {
      return await ask(call, wish, which)
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 409 || tries === maxTries) throw error
    }
  }
}

async function ask(
  call: Call,
  { annotation, kernelsFor, done, nothing }: Wish,
  which: string,
): Promise<ExitCode> {
  const [name = ''] = call.arguments
  const ref = { namespace: call.namespace, name }
  const object = await call.cluster.get<StoredObject>(kinds.modules, ref)
  if (object === undefined) throw new CliError(`There is no Module ${moduleKey(ref)}.`, exitCodes.notFound)
  const module = storedOf(object)
  const kernels = kernelsFor(module, which)
  if (kernels.length === 0) {
    const where = which === 'all' ? '' : ` for kernel ${which}`
    throw new CliError(`Nothing of Module ${moduleKey(ref)}${where} ${nothing}.`, exitCodes.no)
  }
  const { uid, resourceVersion } = object.metadata
  const value = valueBeside(module.metadata.annotations?.[annotation], which)
  if (annotation === annotations.rebuild) refuseTooEarly(module, kernels)
  const metadata = { uid, resourceVersion, annotations: { [annotation]: value } }
  await call.cluster.patch(kinds.modules, ref, { metadata })
  const asked = { module: moduleKey(ref), kernels }
  call.print(asked, () => `${done} of Module ${asked.module}, kernel ${kernels.join(', ')}.`)
  return exitCodes.ok
}

/** The annotation has one value: `all` has every kernel in it, and of two kernels the first is waited for. */
function valueBeside(standing: string | undefined, which: string): string {
  if (standing === undefined || standing === which || which === 'all') return which
  if (standing === 'all') return standing
  const waits = `The operator has not taken up yet what was asked for kernel ${standing}`
  throw new CliError(`${waits}: ask again when it has, or for all kernels (without --kernel).`, exitCodes.no)
}

/** What is asked for before the end of the last rebuild is told to all would be taken for that one. */
function refuseTooEarly({ status }: StoredModule, kernels: readonly string[]): void {
  const ended = status?.kernels?.find(({ kernel, rebuild }) => rebuild?.done && kernels.includes(kernel))
  if (ended === undefined) return
  const message = `The image for kernel ${ended.kernel} has just been built again: ask again in a moment, for the next time.`
  throw new CliError(message, exitCodes.no)
}
