import type { LoaderReason } from '../api/loaderResult.ts'

/** What of modprobe's text means what. `hint` says what to do about it. */
interface Rule {
  readonly pattern: RegExp
  readonly reason: LoaderReason
  readonly hint: string
}

/**
 * modprobe ends with status 1 whatever went wrong, so its text decides. The texts are kmod's own and the C library's
 * words for the kernel's error number, in the C locale. The first rule that matches counts.
 */
const rules: readonly Rule[] = [
  {
    pattern:
      /Required key not available|Key was rejected by service|Key has (?:expired|been revoked)|could not insert '[^']*': Bad message/,
    reason: 'KeyRejected',
    hint: 'the kernel wants the module signed with a key it trusts: sign it, and enrol the key on the node',
  },
  {
    pattern: /could not open moddep file/,
    reason: 'DepmodMissing',
    hint: 'end the Dockerfile with depmod',
  },
  {
    pattern: /could not insert '[^']*': No such file or directory/,
    reason: 'ModuleNotFound',
    hint: 'a file of the index is not in the image, or the module itself misses one, such as firmware; see the node’s kernel log',
  },
  {
    pattern: /Module \S+ not found|could not find module by name/,
    reason: 'ModuleNotFound',
    hint: 'modprobe.moduleName must be a module in the index of the image (modules.dep, written by depmod)',
  },
  {
    pattern:
      /Module \S+ is in use|could not remove '[^']*': (?:Resource temporarily unavailable|Device or resource busy)/,
    reason: 'InUse',
    hint: 'stop what uses the module; it is unloaded then',
  },
  {
    pattern: /Unknown symbol in module/,
    reason: 'UnknownSymbol',
    hint: 'a module it needs is not loaded or of another version; see the node’s kernel log for the symbol',
  },
  {
    pattern: /Exec format error|Invalid module format/,
    reason: 'VermagicMismatch',
    hint: 'the module is for another kernel or architecture, or damaged; see the node’s kernel log',
  },
  {
    pattern: /Operation not permitted|Permission denied/,
    reason: 'PermissionDenied',
    hint: 'the loader may not load modules: it needs root with CAP_SYS_MODULE, and a kernel not in lockdown',
  },
  {
    pattern: /could not insert '[^']*': (?:Invalid argument|Numerical result out of range)/,
    reason: 'InvalidParameters',
    hint:
      'the kernel refused a parameter or its value, or the module was built against other symbol versions (another kernel ' +
      'release); see the node’s kernel log',
  },
  {
    pattern: /unrecognized option|invalid option|option .* requires an argument|Missing module parameter/i,
    reason: 'InvalidParameters',
    hint: 'modprobe does not know an argument of modprobe.args or modprobe.rawArgs',
  },
  {
    pattern: /could not insert '[^']*': /,
    reason: 'ModprobeFailed',
    hint: 'the module itself refused to start; see the node’s kernel log',
  },
]

/** Why modprobe failed, for programs and for people. */
export interface Failure {
  readonly reason: LoaderReason
  /** The line of modprobe that decided. */
  readonly line: string
  /** What to do about it. */
  readonly hint?: string
  /** The module modprobe named in that line. */
  readonly module?: string
}

/** Classifies a modprobe that ended with a status other than 0, by its text. */
export function classify(status: number, output: string): Failure {
  const lines = output.split('\n')
  for (const { pattern, reason, hint } of rules) {
    const line = lines.find((text) => pattern.test(text))
    if (line === undefined) continue
    const module = /(?:Module |(?:insert|remove) ')([A-Za-z0-9_-]+)/.exec(line)?.[1]
    return { reason, line: plain(line), hint, ...(module === undefined ? {} : { module }) }
  }
  const last = lines.findLast((line) => line.startsWith('modprobe:')) ?? lines.at(-1) ?? ''
  return {
    reason: 'ModprobeFailed',
    line: last.trim() === '' ? `modprobe ended with status ${String(status)}` : plain(last),
  }
}

const plain = (line: string): string =>
  line
    .replace(/^modprobe: (?:FATAL: |ERROR: )?/, '')
    .replace(/\.$/, '')
    .trim()
