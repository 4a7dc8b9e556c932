import type { OperatorConfig } from '../../api/config.ts'
import { isTemporalCloud, createNamespaceCommand, createSearchAttributesCommand } from './commands.ts'
import type { SearchAttributes } from './searchAttributes.ts'

/** Why the operator cannot work with Temporal yet. */
export type TemporalFault =
  | {
      readonly kind: 'file'
      readonly field: TemporalFileField
      readonly path: string
      readonly reason: string
    }
  | { readonly kind: 'material'; readonly reason: string }
  | { readonly kind: 'proxy'; readonly proxy: string; readonly reason: string }
  | { readonly kind: 'nameNotFound'; readonly host: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The server does not speak TLS, and the operator does. */
  | { readonly kind: 'plainServer' }
  /** The connection, which is without TLS, ended without an answer. */
  | { readonly kind: 'closed' }
  | { readonly kind: 'untrusted'; readonly reason: string }
  | { readonly kind: 'serverName'; readonly reason: string }
  /** The server ended the handshake: it wants a client certificate or refuses the one it got. */
  | { readonly kind: 'clientCertificate'; readonly reason: string }
  | { readonly kind: 'handshake'; readonly reason: string }
  | { readonly kind: 'notTemporal'; readonly reason: string }
  | { readonly kind: 'unauthenticated'; readonly reason: string }
  | { readonly kind: 'namespaceNotFound' }
  | { readonly kind: 'namespaceRefused'; readonly reason: string }
  /** The namespace was created and is not known everywhere yet. */
  | { readonly kind: 'namespaceCreated' }
  | {
      readonly kind: 'searchAttributes'
      readonly missing: SearchAttributes
      readonly wrong: SearchAttributes
      /** Why they were not created; undefined: they were, and cannot be used yet. */
      readonly reason: string | undefined
    }
  | { readonly kind: 'call'; readonly method: string; readonly reason: string }

/** Keys of the configuration that name a file. */
export type TemporalFileField =
  | 'temporal.tls.caFile'
  | 'temporal.tls.certFile'
  | 'temporal.tls.keyFile'
  | 'temporal.apiKeyFile'

/** Carries a fault through code that returns something else. */
export class TemporalFaultError extends Error {
  override readonly name = 'TemporalFaultError'
  readonly fault: TemporalFault

  constructor(fault: TemporalFault) {
    super(fault.kind)
    this.fault = fault
  }
}

/** One sentence: what is wrong, the key of the configuration, and what fixes it. Holds no secret. */
export function describeFault(fault: TemporalFault, settings: OperatorConfig['temporal']): string {
  const { address, namespace } = settings
  const noConnection = (reason: string, fix: string) =>
    `no connection to ${address} (temporal.address): ${reason}; ${fix}`
  switch (fault.kind) {
    case 'namespaceNotFound':
      return `namespace ${namespace} (temporal.namespace) does not exist at ${address}; ${createNamespace(settings)}`
    case 'namespaceRefused':
      return `namespace ${namespace} (temporal.namespace) cannot be created at ${address}: ${fault.reason}; ${createNamespace(settings)}`
    case 'namespaceCreated':
      return `namespace ${namespace} (temporal.namespace) was created at ${address} and cannot be used yet; wait`
    case 'searchAttributes':
      return describeSearchAttributes(fault, settings)
    case 'call':
      return `${fault.method} of namespace ${namespace} (temporal.namespace) at ${address} failed: ${fault.reason}`
    default:
      return noConnection(...connectionFault(fault, settings))
  }
}

type ConnectionFault = Exclude<
  TemporalFault,
  {
    kind: 'namespaceNotFound' | 'namespaceRefused' | 'namespaceCreated' | 'searchAttributes' | 'call'
  }
>

/** Reason and fix. */
function connectionFault(
  fault: ConnectionFault,
  { address, tls, apiKeyFile }: OperatorConfig['temporal'],
): [reason: string, fix: string] {
  const files = 'temporal.tls.certFile and temporal.tls.keyFile'
  switch (fault.kind) {
    case 'file':
      return [`${fault.field} ${fault.path}: ${fault.reason}`, `mount the file or correct ${fault.field}`]
    case 'material':
      return [
        `the files of temporal.tls cannot be used: ${fault.reason}`,
        `caFile, certFile and keyFile must be PEM, and the key must belong to the certificate`,
      ]
    case 'proxy':
      return [
        `proxy ${fault.proxy} (HTTPS_PROXY): ${fault.reason}`,
        `correct HTTPS_PROXY, or add the host of ${address} to NO_PROXY`,
      ]
    case 'nameNotFound':
      return [
        `host name ${fault.host} not found`,
        'correct temporal.address; in a cluster it is SERVICE.NAMESPACE:7233',
      ]
    case 'refused':
      return ['connection refused', 'start Temporal, or correct host and port']
    case 'unreachable':
      return [fault.reason, 'check that Temporal runs and that NetworkPolicies and firewalls allow the way']
    case 'plainServer':
      return [
        'the server does not speak TLS, or ended the handshake',
        'if it is meant to be without TLS, set temporal.tls.enabled: false',
      ]
    case 'closed':
      return [
        'the server closed the connection without an answer',
        'if it expects TLS, set temporal.tls.enabled: true',
      ]
    case 'untrusted':
      return [
        `TLS handshake failed: ${fault.reason}`,
        tls.caFile === undefined
          ? 'name the authority of the server’s certificate in temporal.tls.caFile'
          : `temporal.tls.caFile ${tls.caFile} must hold the authority of the server’s certificate`,
      ]
    case 'serverName':
      return [
        `TLS handshake failed: ${fault.reason}`,
        'set temporal.tls.serverName to a name that the server’s certificate holds',
      ]
    case 'clientCertificate':
      return [
        `TLS handshake failed: ${fault.reason}`,
        tls.certFile === undefined
          ? `the server wants a client certificate: set ${files}`
          : `the server refuses the client certificate ${tls.certFile}: it must be valid and of an authority that the server trusts`,
      ]
    case 'handshake':
      return [
        `TLS handshake failed: ${fault.reason}`,
        `check temporal.tls: the server may want a client certificate (${files})`,
      ]
    case 'notTemporal':
      return [
        fault.reason,
        'temporal.address must be HOST:PORT of the gRPC port of a Temporal frontend (7233)',
      ]
    case 'unauthenticated':
      return [
        `not authenticated: ${fault.reason}`,
        apiKeyFile === undefined
          ? `set temporal.apiKeyFile, or ${files}`
          : `the API key in temporal.apiKeyFile ${apiKeyFile} must be valid and allow access to temporal.namespace`,
      ]
  }
}

function createNamespace(settings: OperatorConfig['temporal']): string {
  return isTemporalCloud(settings.address)
    ? `create it in Temporal Cloud and set temporal.namespace to its full name, NAME.ACCOUNT`
    : `create it: ${createNamespaceCommand(settings)} (or set temporal.createNamespace: true)`
}

function describeSearchAttributes(
  { missing, wrong, reason }: Extract<TemporalFault, { kind: 'searchAttributes' }>,
  settings: OperatorConfig['temporal'],
): string {
  const where = `namespace ${settings.namespace} (temporal.namespace) at ${settings.address}`
  const list = (attributes: SearchAttributes) =>
    Object.entries(attributes)
      .map(([name, type]) => `${name} (${type})`)
      .join(', ')
  if (Object.keys(wrong).length > 0)
    return `search attributes of another type in ${where}: ${list(wrong)} is the type that is needed; remove them there or use another namespace`
  if (reason === undefined)
    return `search attributes were created in ${where} and cannot be used yet: ${list(missing)}; wait`
  return `search attributes are missing in ${where}: ${list(missing)}, and the operator cannot create them: ${reason}; create them: ${createSearchAttributesCommand(settings, missing)}`
}
