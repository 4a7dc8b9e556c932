import type { GuestImages } from './guestImages.ts'
import { guestDirName, guestFirmware } from './guestModules.ts'

/** A load that ends with `reason`; what is said of it has `says`. */
interface FailingLoad {
  readonly name: string
  readonly reason: string
  readonly says: string
  readonly image: keyof GuestImages
  readonly modprobe: object
  readonly inTreeModulesToRemove?: readonly string[]
}

const everything = { moduleName: 'guest_base', ...guestFirmware }

/** Modules that cannot be loaded, each for another reason. nlmon is loaded and must stay so. */
export const failingLoads: readonly FailingLoad[] = [
  {
    name: 'no-cp',
    reason: 'CpMissing',
    says: 'cp',
    image: 'bare',
    modprobe: everything,
    inTreeModulesToRemove: ['nlmon'],
  },
  {
    name: 'no-kernel',
    reason: 'NoModulesForKernel',
    says: 'No such file or directory',
    image: 'elsewhere',
    modprobe: everything,
    inTreeModulesToRemove: ['nlmon'],
  },
  {
    name: 'no-index',
    reason: 'DepmodMissing',
    says: 'depmod -b',
    image: 'unindexed',
    modprobe: everything,
    inTreeModulesToRemove: ['nlmon'],
  },
  {
    name: 'foreign',
    reason: 'VermagicMismatch',
    says: 'was built for kernel 9.9.9',
    image: 'foreign',
    modprobe: everything,
    inTreeModulesToRemove: ['nlmon'],
  },
  {
    name: 'foreign-raw',
    reason: 'VermagicMismatch',
    says: 'Exec format error',
    image: 'foreign',
    modprobe: {
      rawArgs: { load: ['-d', guestDirName, 'guest_base'], unload: ['-rd', guestDirName, 'guest_base'] },
    },
  },
  {
    name: 'symbol',
    reason: 'UnknownSymbol',
    says: 'Unknown symbol in module',
    image: 'symbol',
    modprobe: { moduleName: 'guest_user' },
  },
  {
    name: 'no-module',
    reason: 'ModuleNotFound',
    says: 'Module guest_none not found',
    image: 'whole',
    modprobe: { moduleName: 'guest_none', ...guestFirmware },
  },
  {
    name: 'parameter',
    reason: 'InvalidParameters',
    says: 'Invalid argument',
    image: 'whole',
    modprobe: { moduleName: 'guest_base', firmwarePath: '/firmware', parameters: ['times=many'] },
  },
]
