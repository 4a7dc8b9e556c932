import { parseDocument } from 'yaml'
import { imagesLockSchema, pinned, type LockedImage } from '../../api/imagesLock.ts'
import { operatorName } from '../../api/permissions.ts'
import shipped from '../../deploy/images.lock.json' with { type: 'json' }
import { operatorNamespace } from '../args/commonFlags.ts'
import type { Call } from '../call.ts'
import { operatorConfigMap } from '../cluster/operatorConfig.ts'
import { exitCodes } from '../exitCodes.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { table } from '../output/table.ts'

/** An image that nodes pull for an installation. */
export interface NeededImage {
  readonly image: string
  readonly usedFor: string
}

interface Container {
  readonly image?: string
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
}
interface PodOwner extends StoredObject {
  readonly spec?: {
    readonly template?: {
      readonly spec?: {
        readonly containers?: readonly Container[]
        readonly initContainers?: readonly Container[]
      }
    }
  }
}
interface Configuration extends StoredObject {
  readonly data?: Readonly<Record<string, string>>
}

const uses = {
  base: undefined,
  builds: 'build pods',
  embeddedTemporal: 'the embedded Temporal',
  embeddedTemporalUi: 'the UI of the embedded Temporal',
} as const satisfies Record<LockedImage['use'], string | undefined>

/** `kubectl kmod images` */
export async function images(call: Call) {
  const installed = call.isSet('release') ? undefined : await installedImages(call)
  const list = installed ?? releaseImages()
  if (installed === undefined)
    call.note("The operator's own image is not listed: it is the one that you set as controller.image.")
  call.print({ images: list }, () =>
    table(
      ['IMAGE', 'USED FOR'],
      list.map(({ image, usedFor }) => [image, usedFor]),
    ),
  )
  return exitCodes.ok
}

/** Images that this release refers to by default. */
export function releaseImages(): readonly NeededImage[] {
  return imagesLockSchema.parse(shipped).images.flatMap((locked) => {
    const usedFor = uses[locked.use]
    return usedFor === undefined ? [] : [{ image: pinned(locked), usedFor }]
  })
}

/** Images of the operator as it is installed and configured; undefined where it is not. */
async function installedImages(call: Call): Promise<readonly NeededImage[] | undefined> {
  const namespace = operatorNamespace(call)
  const of = (name: string) => ({ namespace, name })
  const deployment = await call.cluster.get<PodOwner>(kinds.deployments, of(operatorName))
  if (deployment === undefined) {
    call.note(`No operator is installed in namespace ${namespace}: these are the images of this release.`)
    return undefined
  }
  const [temporal, ui, configuration] = await Promise.all([
    call.cluster.get<PodOwner>(kinds.statefulSets, of('kmm-operator-temporal')),
    call.cluster.get<PodOwner>(kinds.deployments, of('kmm-operator-temporal-ui')),
    call.cluster.get<Configuration>(kinds.configMaps, of(operatorConfigMap)),
  ])
  const [operator] = deployment.spec?.template?.spec?.containers ?? []
  const variable = (wanted: string) => operator?.env?.find(({ name }) => name === wanted)?.value
  const builds = configuredBuildImage(configuration) ?? variable('RELATED_IMAGE_BUILD')
  const found: readonly (readonly [string | undefined, string])[] = [
    [operator?.image, 'the operator'],
    [variable('RELATED_IMAGE_WORKER'), 'worker pods and sign pods'],
    [builds ?? releaseImages().find(({ usedFor }) => usedFor === uses.builds)?.image, uses.builds],
    ...imagesOf(temporal).map((image) => [image, uses.embeddedTemporal] as const),
    ...imagesOf(ui).map((image) => [image, uses.embeddedTemporalUi] as const),
  ]
  return merged(found)
}

function imagesOf(owner: PodOwner | undefined): readonly (string | undefined)[] {
  const { containers = [], initContainers = [] } = owner?.spec?.template?.spec ?? {}
  return [...initContainers, ...containers].map(({ image }) => image)
}

/** What the ConfigMap sets as build.image; a configuration that cannot be read sets nothing. */
function configuredBuildImage(configuration: Configuration | undefined): string | undefined {
  const document = parseDocument(configuration?.data?.['controller_config.yaml'] ?? '')
  const image: unknown = document.errors.length > 0 ? undefined : document.getIn(['build', 'image'])
  return typeof image === 'string' && image !== '' ? image : undefined
}

/** Each image once, with everything that it is used for. */
function merged(found: readonly (readonly [string | undefined, string])[]): readonly NeededImage[] {
  const byImage = new Map<string, Set<string>>()
  for (const [image, usedFor] of found)
    if (image) byImage.set(image, (byImage.get(image) ?? new Set()).add(usedFor))
  return [...byImage].map(([image, usedFor]) => ({ image, usedFor: [...usedFor].join(', ') }))
}
