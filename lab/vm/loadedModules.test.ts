import { expect, it } from 'vitest'
import { parseModules } from './loadedModules.ts'

it('reads /proc/modules', () => {
  const text = [
    'kmm_ci_b 16384 0 - Live 0x0000000000000000 (OE)',
    'kmm_ci_a 16384 1 kmm_ci_b, Live 0xffffffffc0a00000 (OE)',
    'nf_nat 57344 2 nft_chain_nat,xt_MASQUERADE, Live 0x0000000000000000',
    'forever 16384 1 [permanent], Live 0x0000000000000000',
    'coming 16384 0 - Loading 0x0000000000000000',
    'going 16384 0 - Unloading 0x0000000000000000',
    'nocount 16384 - - Live 0x0000000000000000',
    '',
  ].join('\n')
  expect(parseModules(text)).toEqual([
    { name: 'kmm_ci_b', size: 16384, usedBy: [], references: 0 },
    { name: 'kmm_ci_a', size: 16384, usedBy: ['kmm_ci_b'], references: 1 },
    { name: 'nf_nat', size: 57344, usedBy: ['nft_chain_nat', 'xt_MASQUERADE'], references: 2 },
    { name: 'forever', size: 16384, usedBy: [], references: 1 },
    { name: 'nocount', size: 16384, usedBy: [], references: null },
  ])
})
