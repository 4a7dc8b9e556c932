import { describe, expect, it } from 'vitest'
import { classify } from './classify.ts'

describe('classify', () => {
  it.each([
    [`modprobe: ERROR: could not insert 'm': Required key not available`, 'KeyRejected', 'm'],
    [`modprobe: ERROR: could not insert 'm': Key was rejected by service`, 'KeyRejected', 'm'],
    [`modprobe: ERROR: could not insert 'm': Key has been revoked`, 'KeyRejected', 'm'],
    [`modprobe: ERROR: could not insert 'm': Bad message`, 'KeyRejected', 'm'],
    [
      `modprobe: ERROR: could not insert 'kmm_ci_a': Unknown symbol in module, or unknown parameter (see dmesg)`,
      'UnknownSymbol',
      'kmm_ci_a',
    ],
    [`modprobe: ERROR: could not insert 'm': Exec format error`, 'VermagicMismatch', 'm'],
    [`modprobe: ERROR: could not insert 'm': Operation not permitted`, 'PermissionDenied', 'm'],
    [`modprobe: ERROR: could not insert 'm': Invalid argument`, 'InvalidParameters', 'm'],
    [`modprobe: ERROR: could not insert 'm': Numerical result out of range`, 'InvalidParameters', 'm'],
    [`modprobe: unrecognized option '--foo'`, 'InvalidParameters', undefined],
    [`modprobe: invalid option -- 'y'`, 'InvalidParameters', undefined],
    [
      `modprobe: FATAL: Module no-such not found in directory /opt/lib/modules/6.1.0`,
      'ModuleNotFound',
      'no-such',
    ],
    [`modprobe: FATAL: Module m not found.`, 'ModuleNotFound', 'm'],
    [`modprobe: ERROR: could not insert 'm': No such file or directory`, 'ModuleNotFound', 'm'],
    [`modprobe: FATAL: Module kmm_ci_a is in use.`, 'InUse', 'kmm_ci_a'],
    [`modprobe: ERROR: could not remove 'm': Resource temporarily unavailable`, 'InUse', 'm'],
    [`modprobe: ERROR: could not remove 'm': Device or resource busy`, 'InUse', 'm'],
    [
      `modprobe: ERROR: ../libkmod/libkmod.c:586 kmod_search_moddep() could not open moddep file '/opt/lib/modules/6.1.0/modules.dep.bin'`,
      'DepmodMissing',
      undefined,
    ],
    [`modprobe: ERROR: could not insert 'm': No such device`, 'ModprobeFailed', 'm'],
    [`modprobe: ERROR: could not insert 'm': Device or resource busy`, 'ModprobeFailed', 'm'],
    [`modprobe: ERROR: could not insert 'm': Cannot allocate memory`, 'ModprobeFailed', 'm'],
  ])('%s', (output, reason, module) => {
    const failure = classify(1, `insmod /opt/lib/modules/6.1.0/m.ko \n${output}`)
    expect({ reason: failure.reason, module: failure.module }).toEqual({ reason, module })
    expect(failure.line).toBe(output.replace(/^modprobe: (FATAL: |ERROR: )?/, '').replace(/\.$/, ''))
  })

  it('names the status of a modprobe that said nothing', () => {
    expect(classify(143, '')).toEqual({ reason: 'ModprobeFailed', line: 'modprobe ended with status 143' })
  })

  it('says the missing index before the module that was not found because of it', () => {
    const output = `modprobe: ERROR: x could not open moddep file '/a'\nmodprobe: FATAL: Module m not found in directory /a`
    expect(classify(1, output).reason).toBe('DepmodMissing')
  })
})
