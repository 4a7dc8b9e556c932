import { shell } from '../../api/text/shellWord.ts'
import { group, version } from '../../api/names.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import type { Kind, Place } from './resources.ts'

/** A right as RBAC names it. */
export interface Right {
  readonly verb: string
  /** `pods`, `pods/log`, `modules.kmm.sigs.x-k8s.io` */
  readonly resource: string
  /** Absent for the whole cluster. */
  readonly namespace?: string
}

/** A kind as RBAC and `kubectl` name it: `pods`, `modules.kmm.sigs.x-k8s.io`. */
export function resourceName({ group, plural }: Kind): string {
  return group === '' ? plural : `${plural}.${group}`
}

/** The right that a request needs. */
export function rightFor(verb: string, kind: Kind, { namespace, subresource }: Place): Right {
  const plural = resourceName(kind)
  return {
    verb,
    resource: subresource === undefined ? plural : `${plural}/${subresource}`,
    ...(namespace === undefined || !kind.namespaced ? {} : { namespace }),
  }
}

/** `list nodes`, `get pods/log in namespace drivers` */
export function rightWords({ verb, resource, namespace }: Right): string {
  return `${verb} ${resource}${namespace === undefined ? ' in the cluster' : ` in namespace ${namespace}`}`
}

/** The API server refuses it to this user. */
export class ForbiddenError extends CliError {
  readonly right: Right
  constructor(right: Right) {
    const { verb, resource, namespace } = right
    const where = namespace === undefined ? ' --all-namespaces' : shell` -n ${namespace}`
    const check = `${shell`kubectl auth can-i ${verb} ${resource}`}${where}`
    super(
      `You may not ${rightWords(right)}. Ask for that right: verb "${verb}", resource "${resource}" (${check}).`,
      exitCodes.forbidden,
    )
    this.right = right
  }
}

/** Any other refusal; `code` is the HTTP status, absent when no answer came. */
export class ApiError extends CliError {
  readonly code: number | undefined
  constructor(message: string, code: number | undefined, options?: ErrorOptions) {
    super(message, code === 404 ? exitCodes.notFound : exitCodes.failed, options)
    this.code = code
  }
}

/** The cluster has no definitions of Module and NodeModulesConfig. */
export class NotInstalledError extends CliError {
  constructor(server: string) {
    super(
      `kmm-temporal is not installed in the cluster ${server}: it has no CustomResourceDefinitions of ${group}/${version}. ` +
        'Install it from a checkout with "helm install kmm-temporal deploy/chart --namespace kmm-operator-system ' +
        '--create-namespace" or "kubectl apply -k deploy/", or choose another cluster with --context.',
      exitCodes.failed,
    )
  }
}

/**
 * Does the API server not serve this path at all? An object that does not exist is answered with a Status, a path that
 * nothing serves with plain text.
 */
export function isUnknownPath(statusCode: number, text: string): boolean {
  return statusCode === 404 && !text.trimStart().startsWith('{')
}

/** The sentence of the API server's answer, which is a Status or plain text. */
export function messageOf(text: string): string {
  try {
    const status = JSON.parse(text) as { readonly message?: string }
    return status.message ?? text
  } catch {
    return text.trim().slice(0, 300)
  }
}

/** The API server does not serve the kind, or there is no such object. */
export function isAbsent(error: unknown): boolean {
  return error instanceof NotInstalledError || (error instanceof ApiError && error.code === 404)
}
