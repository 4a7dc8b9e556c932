import { describe, expect, test } from 'vitest'
import { composeGoMod, goEnvironment } from './goBuild.ts'

const build = {
  module: 'k8s.io/kubernetes',
  version: 'v1.34.4',
  package: 'k8s.io/kubernetes/cmd/x',
  define: {},
}

describe('composeGoMod', () => {
  const staged = [
    'module k8s.io/kubernetes',
    'go 1.24.0',
    'require k8s.io/other v1.0.0',
    'replace (',
    '\tk8s.io/api => ./staging/src/k8s.io/api',
    '\tk8s.io/client-go => ./staging/src/k8s.io/client-go',
    '\tgithub.com/a/b => github.com/c/b v1.2.3',
    ')',
    'replace k8s.io/kms v0.0.0 => ../kms',
  ].join('\n')

  test('replaces what upstream replaces by folders, and only that, by the published version', () => {
    expect(composeGoMod({ ...build, siblings: 'v0.34.4' }, staged).split('\n')).toEqual([
      'module kmm-temporal.invalid/programs',
      'go 1.24.0',
      'require k8s.io/kubernetes v1.34.4',
      'replace k8s.io/api => k8s.io/api v0.34.4',
      'replace k8s.io/client-go => k8s.io/client-go v0.34.4',
      'replace k8s.io/kms => k8s.io/kms v0.34.4',
      '',
    ])
  })

  test('refuses a module with local replacements that the table does not expect', () => {
    expect(() => composeGoMod(build, staged)).toThrow(
      'k8s.io/kubernetes v1.34.4 replaces k8s.io/api, k8s.io/client-go, k8s.io/kms by local folders',
    )
  })

  test('a plain module needs nothing but the requirement', () => {
    expect(composeGoMod(build, 'module x\n\ngo 1.26.0\n')).toBe(
      'module kmm-temporal.invalid/programs\ngo 1.26.0\nrequire k8s.io/kubernetes v1.34.4\n',
    )
  })
})

test("the user's Go settings do not reach the build, proxies do", () => {
  const env = goEnvironment({
    GOFLAGS: '-mod=vendor',
    GOOS: 'darwin',
    GOTOOLCHAIN: 'local',
    GOPROXY: 'http://p',
  })
  expect(env).toMatchObject({
    GOFLAGS: '-buildvcs=false -trimpath -mod=mod',
    GOOS: '',
    GOTOOLCHAIN: 'auto',
    CGO_ENABLED: '0',
    GOPROXY: 'http://p',
  })
})
