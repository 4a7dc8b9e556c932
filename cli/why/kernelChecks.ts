import { buildQueued } from '../../api/buildQueue.ts'
import type { ImageWish } from '../../api/kernelView.ts'
import type { KernelPhase } from '../../api/moduleStatus.ts'
import { moduleKey, type ModuleRef } from '../../api/names.ts'
import { isPodRefusal, remedyOf } from '../../api/remedies.ts'
import { rightWords } from '../kube/errors.ts'
import { help } from '../../api/commandsThatHelp.ts'
import type { KernelFacts } from './facts.ts'
import { fails, none, ok, unknown, waits, type Check, type Finding } from './finding.ts'

/** What is asked for each kernel, before its nodes: how it comes to its image. */
export const kernelChecks: readonly Check<KernelFacts>[] = [
  { name: 'kernel mapping', look: kernelMapping },
  { name: 'template', look: invalidFor(['TemplateInvalid'], () => 'its variables are known') },
  { name: 'image', look: invalidFor(['ImageReferenceInvalid', 'ImageMissing'], (image) => image) },
  { name: 'architecture', look: architecture },
  { name: 'registry', look: registry },
  { name: 'claim', look: claim },
  { name: 'Dockerfile', look: dockerfile },
  { name: 'secrets', look: secrets },
  { name: 'build', look: build },
  { name: 'sign', look: sign },
]

function kernelMapping({ seen, module, ref }: KernelFacts): Finding {
  const { wish } = seen.view
  const mappings = module?.spec.moduleLoader?.container.kernelMappings ?? []
  if (wish.kind === 'none' && wish.why === 'NoMapping') {
    const patterns = mappings.map(({ literal, regexp }) => literal || regexp || '').join(', ')
    const says = `No kernel mapping matches kernel ${seen.kernel}; there are: ${patterns}.`
    return fails('NoMapping', says, { commands: [help.edit(ref)] })
  }
  if (wish.kind === 'none') return none('no node with this kernel shall have it')
  const broken = invalid(['MappingInvalid', 'RegexpInvalid', 'KernelVersionInvalid'], { seen, ref })
  return broken ?? ok(seen.mapping?.fields.mapping ?? 'one matches')
}

/** What cannot be resolved for this kernel, when it is for one of these reasons. */
function invalid(reasons: readonly string[], { seen, ref }: Pick<KernelFacts, 'seen' | 'ref'>) {
  const { wish } = seen.view
  if (wish.kind !== 'invalid' || !reasons.includes(wish.reason)) return undefined
  return fails(wish.reason, wish.message, { commands: [help.edit(ref)] })
}

function invalidFor(reasons: readonly string[], good: (image: string) => string): Check<KernelFacts>['look'] {
  return (facts) => {
    const { wish } = facts.seen.view
    if (wish.kind === 'none') return none('no image is wanted')
    return invalid(reasons, facts) ?? ok(good(wish.kind === 'wanted' ? wish.image : ''))
  }
}

/** The reason that the operator wrote down, while the image is not verified. */
function said({ seen }: KernelFacts): { readonly reason: string; readonly message: string } {
  const { stored, digest } = seen.view
  return digest === undefined
    ? { reason: stored?.reason ?? '', message: stored?.message ?? '' }
    : { reason: '', message: '' }
}

function architecture(facts: KernelFacts): Finding {
  const { seen, ref } = facts
  const { wish, architectures } = seen.view
  const { reason, message } = said(facts)
  if (reason === 'MixedArchitectures' || reason === 'ArchitectureMissing') {
    return fails(reason, message, { commands: [help.edit(ref)] })
  }
  if (wish.kind === 'wanted' && wish.build.kind === 'invalid' && wish.build.reason === 'MixedArchitectures') {
    // It matters only when the image has to be built.
    const isKnown = seen.view.digest !== undefined
    if (!isKnown) return fails(wish.build.reason, wish.build.message, { commands: [help.edit(ref)] })
  }
  return ok(architectures.length === 0 ? 'no node needs one' : architectures.join(', '))
}

function registry(facts: KernelFacts): Finding {
  const { seen, ref } = facts
  const { digest, wish, stored } = seen.view
  if (wish.kind !== 'wanted') return none('no image is wanted')
  if (digest !== undefined) return ok(`it has the image, ${digest.slice(0, 19)}`)
  const { reason, message } = said(facts)
  if (reason.startsWith('Registry')) {
    return fails(reason, message, { commands: [help.edit(ref)] })
  }
  if (reason === 'ImageMissing') {
    const asked = wish.unsigned?.image ?? wish.image
    return fails(reason, message, { commands: [`crane digest ${asked}`, help.edit(ref)] })
  }
  if (reason === 'ImageBeingPulled') return waits(reason, message)
  switch (stored?.phase) {
    case undefined:
    case 'Resolving':
      return waits('Pending', `Whether ${wish.image} exists has not been asked yet.`)
    case 'CheckingImage':
      return waits('CheckingImage', `The registry is asked for ${wish.image}.`)
    default:
      return ok(
        wish.build.kind === 'none' ? 'it was asked' : `it does not have the image: it is to be ${made(wish)}`,
      )
  }
}

function made({ unsigned, build }: Extract<ImageWish, { kind: 'wanted' }>): string {
  if (unsigned === undefined) return build.kind === 'none' ? 'made elsewhere' : 'built'
  return unsigned.build.kind === 'none' ? 'signed' : 'built and signed'
}

/** Nothing has to be made: the image is there, is not wanted, or cannot be. */
function isMade({ seen }: KernelFacts): boolean {
  const { wish, digest } = seen.view
  return wish.kind !== 'wanted' || digest !== undefined || wish.build.kind === 'none'
}

/** Nothing has to be built: what is to be signed is there, or comes from elsewhere. */
function isBuilt(facts: KernelFacts): boolean {
  const { view, mapping } = facts.seen
  const { wish, stored } = view
  if (isMade(facts) || wish.kind !== 'wanted' || mapping?.build === undefined) return true
  const { unsigned, build: wanted } = wish
  if (unsigned === undefined) return wanted.kind === 'invalid' && signFaults.includes(wanted.reason)
  return unsigned.build.kind === 'none' || stored?.unsigned?.image === unsigned.image
}

function claim(facts: KernelFacts): Finding {
  if (isMade(facts)) return none('nothing is to be made')
  const { reason, message } = said(facts)
  const { rival } = facts.seen.view
  if (reason === 'ImageContested') {
    const commands = [help.edit(facts.ref), help.retry(facts.ref, facts.seen.kernel)]
    return fails(reason, message, { commands })
  }
  if (reason === 'ImageClaimed') {
    const pod = rival?.pod
    const commands =
      rival === undefined || pod === undefined ? [] : [help.describePod(rival.ref.namespace, pod)]
    return waits(reason, message, { commands })
  }
  return ok(rival === undefined ? 'nobody else builds it' : `Module ${moduleKey(rival.ref)} builds it too`)
}

function dockerfile(facts: KernelFacts): Finding {
  const { seen, gaps, ref } = facts
  const { wish } = seen.view
  if (isBuilt(facts) || wish.kind !== 'wanted') return none('nothing is to be built')
  const right = gaps.get('configMaps')
  if (right !== undefined) return unknown(`not looked at: you may not ${rightWords(right)}`)
  if (wish.build.kind === 'invalid') {
    const name = seen.mapping?.build?.dockerfileConfigMap.name ?? ''
    const create = help.createDockerfile(ref.namespace, name)
    return fails(wish.build.reason, wish.build.message, { commands: [create] })
  }
  return ok(`ConfigMap ${seen.mapping?.build?.dockerfileConfigMap.name ?? ''}`)
}

function secrets(facts: KernelFacts): Finding {
  const { seen, ref, gaps } = facts
  const { reason, message } = said(facts)
  if (reason.startsWith('Secret')) return fails(reason, message, commandsFor(ref, reason, message))
  const { build: wanted, sign, imageRepoSecret } = seen.mapping ?? {}
  const built = isBuilt(facts) ? [] : (wanted?.secrets ?? []).map(({ name }) => name)
  const signed = isMade(facts) || sign === undefined ? [] : [sign.keySecret.name, sign.certSecret.name]
  const names = [
    ...new Set([...built, ...signed, ...(imageRepoSecret === undefined ? [] : [imageRepoSecret.name])]),
  ]
  if (names.length === 0) return none('it names none')
  const missing = names.filter((name) => facts.secrets.get(name) === false)
  if (missing.length > 0) {
    const says = `Secret ${ref.namespace}/${missing.join(', ')} does not exist.`
    const create = (name: string) => {
      if (name === sign?.keySecret.name) return help.createKeySecret(ref.namespace, name)
      if (name === sign?.certSecret.name) return help.createCertSecret(ref.namespace, name)
      return built.includes(name)
        ? help.createSecret(ref.namespace, name)
        : help.createPullSecret(ref.namespace, name)
    }
    const commands = missing.map(create)
    return seen.view.digest === undefined
      ? fails('SecretMissing', says, { commands })
      : unknown(`${says} What is loaded stays; a pull that needs it would fail.`, { commands })
  }
  const right = gaps.get('secrets')
  if (right !== undefined)
    return unknown(`${names.join(', ')} not looked at: you may not ${rightWords(right)}`)
  return ok(`${names.join(', ')} there; what they hold is not looked at`)
}

/** The commands that help with a reason of status. */
function commandsFor(ref: ModuleRef, reason: string, message: string, buildPod?: string) {
  const wait = { reason, message, ...(buildPod === undefined ? {} : { buildPod }) }
  return { commands: remedyOf(ref, wait)?.commands ?? [] }
}

/** Reasons with which a build goes on by itself. */
const passing: readonly string[] = [
  buildQueued,
  'Evicted',
  'Preempted',
  'NodeLost',
  'NodeShutdown',
  'RejectedByNode',
  'ContainerCreating',
]

function build(facts: KernelFacts): Finding {
  if (isBuilt(facts)) {
    const { unsigned } = facts.seen.view.stored ?? {}
    const isThere = !isMade(facts) && unsigned !== undefined
    return isThere ? ok(`${unsigned.image} is there`) : none('nothing is to be built')
  }
  return making(facts, { phase: 'Building', failed: 'BuildFailed', does: 'builds' })
}

/** What keeps an image from being signed, whatever becomes of its build. */
const signFaults: readonly string[] = ['UnsignedImageInvalid', 'FilesToSignInvalid']

function sign(facts: KernelFacts): Finding {
  const { seen, ref } = facts
  const { wish, stored } = seen.view
  if (seen.mapping?.sign === undefined || wish.kind !== 'wanted') return none('nothing is to be signed')
  if (isMade(facts)) {
    return stored?.signHash === undefined
      ? unknown('the image was there: it is loaded as it is, signed if whoever made it has signed it')
      : ok('the image is signed')
  }
  const { build: wanted } = wish
  if (wanted.kind === 'invalid' && signFaults.includes(wanted.reason)) {
    return fails(wanted.reason, wanted.message, { commands: [help.edit(ref)] })
  }
  if (!isBuilt(facts)) return waits('Pending', 'It is signed when it is built.')
  return making(facts, { phase: 'Signing', failed: 'SignFailed', does: 'signs' })
}

/** How a pod is doing that builds or signs the image, as status says it. */
function making(
  facts: KernelFacts,
  stage: { readonly phase: KernelPhase; readonly failed: KernelPhase; readonly does: string },
): Finding {
  const { seen, ref } = facts
  const { pods, stored } = seen.view
  const { reason, message } = said(facts)
  const pod = stored?.buildPod
  const active = pods.find(({ state }) => state === 'active')
  switch (stored?.phase) {
    case 'Cancelled':
      return fails('Cancelled', 'Somebody cancelled the build.', { commands: [help.retry(ref, seen.kernel)] })
    case stage.failed: {
      const lines = stored.errorLines
      return fails(reason || stage.failed, message || 'The pod failed.', {
        ...(lines === undefined ? {} : { details: lines }),
        commands: [help.logs(ref, seen.kernel), help.retry(ref, seen.kernel)],
      })
    }
    case stage.phase: {
      if (reason === '')
        return waits(stage.phase, `Pod ${active?.name ?? pod ?? ''} ${stage.does} it.`, {
          commands: [help.logs(ref, seen.kernel)],
        })
      // Status names the pod before it is made.
      const described = reason === buildQueued || isPodRefusal(reason) ? undefined : pod
      const describe = described === undefined ? [] : [help.describePod(ref.namespace, described)]
      return passing.includes(reason)
        ? waits(reason, message, { commands: describe })
        : fails(reason, message, commandsFor(ref, reason, message, described))
    }
    default:
      return waits('Pending', 'It has not begun yet.')
  }
}
