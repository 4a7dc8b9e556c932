import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { NetworkPlan } from './network.ts'

const port = z.coerce.number().int().min(1).max(65_535)

const settingsSchema = z.strictObject({
  network: z
    .string()
    .regex(/^(\d{1,3}\.){2}0\.0\/16$/, 'must be an IPv4 network of 16 bits, such as 10.200.0.0/16')
    .default('10.200.0.0/16'),
  bridge: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,12}$/, 'must be a device name of at most 13 characters')
    .default('kmm-lab'),
  apiPort: port.default(6443),
  registryPort: port.default(5000),
  temporalPort: port.default(7233),
  uiPort: port.default(8233),
})

/** Settings a person can change, in `config.json` or the environment (which wins). */
export type LabSettings = z.infer<typeof settingsSchema>

/** Environment variable of each setting. */
export const settingVariables: { readonly [K in keyof LabSettings]: string } = {
  network: 'KMM_LAB_NETWORK',
  bridge: 'KMM_LAB_BRIDGE',
  apiPort: 'KMM_LAB_API_PORT',
  registryPort: 'KMM_LAB_REGISTRY_PORT',
  temporalPort: 'KMM_LAB_TEMPORAL_PORT',
  uiPort: 'KMM_LAB_UI_PORT',
}

/**
 * Settings from `<dir>/config.json` (when there), the environment and `overrides`, the later winning.
 * Throws an error that names the setting.
 */
export function readSettings(
  dir: string,
  environment: Readonly<Record<string, string | undefined>>,
  overrides: Partial<LabSettings> = {},
): LabSettings {
  const file = join(dir, 'config.json')
  const fromFile: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const fromEnvironment = Object.fromEntries(
    Object.entries(settingVariables)
      .map(([name, variable]) => [name, environment[variable]])
      .filter(([, value]) => value !== undefined && value !== ''),
  )
  const merged = { ...z.record(z.string(), z.unknown()).parse(fromFile), ...fromEnvironment, ...overrides }
  const parsed = settingsSchema.safeParse(merged)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(({ path, message }) => {
    const name = String(path[0] ?? '')
    const variable = (settingVariables as Record<string, string>)[name]
    return `${name}${variable === undefined ? '' : ` (${variable})`}: ${message}`
  })
  throw new Error(`the lab's settings in ${file} or the environment are not valid: ${faults.join('; ')}`)
}

/** The addresses in the lab's network of 16 bits: the machine, the nodes, their pods, and services. */
export function networkPlan(settings: LabSettings): NetworkPlan {
  const prefix = settings.network.split('.').slice(0, 2).join('.')
  return {
    network: settings.network,
    bridge: settings.bridge,
    address: `${prefix}.0.1`,
    nodeAddress: `${prefix}.0.2`,
    podNetwork: `${prefix}.1.0/24`,
    loadNodeAddress: `${prefix}.0.3`,
    loadPodNetwork: `${prefix}.2.0/24`,
    services: { network: `${prefix}.96.0/20`, apiServer: `${prefix}.96.1` },
  }
}
