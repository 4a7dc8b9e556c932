import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { readAuthorities } from '../activities/registry/authorities.ts'
import { parseConfig, type OperatorConfig } from '../api/config.ts'
import type { Environment } from '../api/config/environment.ts'
import { isApiKey } from './temporal/endpoint.ts'
import { isPair } from './x509.ts'

/** The configuration as it stands now in files and environment. */
export type Reading = ValidReading | InvalidReading

export interface ValidReading {
  readonly kind: 'valid'
  readonly config: OperatorConfig
  readonly warnings: readonly string[]
  /** The same for the same settings and the same content of the files that they name. */
  readonly fingerprint: string
}

export interface InvalidReading {
  readonly kind: 'invalid'
  /** One sentence each: where, and what would be right. */
  readonly faults: readonly string[]
  readonly warnings: readonly string[]
  /** Where probes are answered meanwhile. */
  readonly healthProbeBindAddress: string
}

/**
 * Reads the configuration file, when there is one, and the files that it or the environment names. Never throws. What
 * the files hold is verified, and is not part of the answer.
 */
export function readConfiguration(file: string | undefined, environment: Environment): Reading {
  const text = file === undefined ? { ok: true as const, content: '' } : readText(file)
  const parsed = parseConfig(text.ok ? text.content : '', environment)
  const { warnings } = parsed
  if (!text.ok) {
    const healthProbeBindAddress = parsed.ok
      ? parsed.config.healthProbeBindAddress
      : parsed.healthProbeBindAddress
    const fault = `${file}: ${text.fault}; it is the key "${basename(file ?? '')}" of the operator's ConfigMap`
    return { kind: 'invalid', faults: [fault], warnings, healthProbeBindAddress }
  }
  if (!parsed.ok) {
    const { faults, healthProbeBindAddress } = parsed
    return { kind: 'invalid', faults, warnings, healthProbeBindAddress }
  }
  const { config, fromEnvironment } = parsed
  const { healthProbeBindAddress } = config
  const nameOf = (key: string) => {
    const variable = fromEnvironment.get(key)
    return variable === undefined ? key : `environment variable ${variable} (${key})`
  }
  const files = readFiles(config, nameOf)
  if (files.faults.length > 0)
    return { kind: 'invalid', faults: files.faults, warnings, healthProbeBindAddress }
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([config, files.contents]))
    .digest('hex')
  return { kind: 'valid', config, warnings, fingerprint }
}

type Text = { readonly ok: true; readonly content: string } | { readonly ok: false; readonly fault: string }

function readText(file: string): Text {
  try {
    return { ok: true, content: readFileSync(file, 'utf8') }
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    return { ok: false, fault: `cannot be read (${why})` }
  }
}

/** Throws for a text that its key cannot use. */
type Verify = (content: string) => void

const verifyCertificate: Verify = (content) => void new X509Certificate(content)
const verifyKey: Verify = (content) => void createPrivateKey(content)
const verifyApiKey: Verify = (content) => {
  if (!isApiKey(content.trim())) throw new Error('not one word')
}

/** The contents of the files of TLS and the API key, and what is wrong with the files that the configuration names. */
function readFiles(
  { temporal: { tls, apiKeyFile }, registry }: OperatorConfig,
  nameOf: (key: string) => string,
): { readonly contents: readonly string[]; readonly faults: readonly string[] } {
  const faults: string[] = []
  const read = (key: string, file: string | undefined, verify: Verify, what: string): string => {
    if (file === undefined) return ''
    const text = readText(file)
    if (!text.ok) {
      faults.push(`${nameOf(key)}: ${file} ${text.fault}`)
      return ''
    }
    try {
      verify(text.content)
    } catch {
      // The error may quote the content.
      faults.push(`${nameOf(key)}: ${file} holds no ${what}`)
    }
    return text.content
  }
  const used = tls.enabled ? tls : { caFile: undefined, certFile: undefined, keyFile: undefined }
  const contents = [
    read('temporal.tls.caFile', used.caFile, verifyCertificate, 'certificate in PEM'),
    read('temporal.tls.certFile', used.certFile, verifyCertificate, 'certificate in PEM'),
    read('temporal.tls.keyFile', used.keyFile, verifyKey, 'private key in PEM'),
    read('temporal.apiKeyFile', apiKeyFile, verifyApiKey, 'API key'),
  ]
  const [, cert = '', key = ''] = contents
  if (faults.length === 0 && cert !== '' && !isPair({ cert, key })) {
    faults.push(`${nameOf('temporal.tls.keyFile')}: ${used.keyFile} is not the key of ${used.certFile}`)
  }
  try {
    if (registry.caFile !== undefined) readAuthorities(registry.caFile)
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error))
  }
  return { contents, faults }
}
