import { describe, expect, test } from 'vitest'
import type { OperatorConfig } from '../../api/config.ts'
import { builtInTolerations } from '../../api/eligibility.ts'
import { type PodChange, testContainer, testPod, testPodImage as image, testPodKernel } from './testPod.ts'

describe('volumes and mounts', () => {
  /** Mount path -> the volume behind it. */
  const mounts = (change?: PodChange) => {
    const { spec } = testPod(change)
    const volumes = new Map(spec.volumes?.map((volume) => [volume.name, volume]))
    expect(volumes.size).toBe(spec.volumes?.length)
    const found = spec.containers[0]!.volumeMounts ?? []
    expect(new Set(found.map((m) => m.mountPath)).size).toBe(found.length)
    expect(found.every((mount) => mount.readOnly)).toBe(true)
    return Object.fromEntries(
      found.map(({ mountPath, name }) => {
        const { name: _name, ...source } = volumes.get(name)!
        return [mountPath, source]
      }),
    )
  }
  const base = {
    '/workspace': {
      configMap: { name: 'fpga-dockerfile', items: [{ key: 'dockerfile', path: 'Dockerfile' }] },
    },
    '/host/lib/modules': { hostPath: { path: '/lib/modules', type: 'Directory' } },
  }
  const secret = (secretName: string) => ({ secret: { secretName } })
  const auth = (secretName: string) => ({
    secret: { secretName, items: [{ key: '.dockerconfigjson', path: 'config.json' }] },
  })

  test('the Dockerfile and the modules of the node', () => {
    expect(mounts()).toEqual(base)
  })
  test('secrets under /run/secrets/<name>, each once', () => {
    const build = { secrets: [{ name: 'a' }, { name: 'b' }, { name: 'a' }] }
    expect(mounts({ build })).toEqual({
      ...base,
      '/run/secrets/a': secret('a'),
      '/run/secrets/b': secret('b'),
    })
  })
  test('authorities of the configuration, which the pod itself brings along', () => {
    const fieldPath = "metadata.annotations['kmm.sigs.x-k8s.io/registry-authorities']"
    expect(mounts({ authorities: 'PEM' })).toEqual({
      ...base,
      '/kaniko/ssl/kmm': { downwardAPI: { items: [{ path: 'ca.crt', fieldRef: { fieldPath } }] } },
    })
  })
  test('images:BLD-8 names that are no DNS labels', () => {
    const names = ['my.dotted.secret', 'x'.repeat(200)]
    const build = { secrets: names.map((name) => ({ name })) }
    expect(mounts({ build })).toMatchObject(
      Object.fromEntries(names.map((name) => [`/run/secrets/${name}`, secret(name)])),
    )
    for (const { name } of testPod({ build }).spec.volumes ?? []) expect(name).toMatch(/^[a-z0-9-]{1,63}$/)
  })
  test('images:BLD-8 credentials that are a build secret as well', () => {
    const change = { build: { secrets: [{ name: 'auth' }] }, spec: { imageRepoSecret: { name: 'auth' } } }
    expect(mounts(change)).toEqual({
      ...base,
      '/run/secrets/auth': secret('auth'),
      '/kaniko/.docker': auth('auth'),
    })
  })
})

describe('the pod', () => {
  test('is found by its labels and owned by the Module', () => {
    expect(testPod()).toMatchObject({
      metadata: {
        name: 'fpga-build-abcdef01-3',
        namespace: 'drivers',
        labels: {
          'app.kubernetes.io/name': 'kmm',
          'app.kubernetes.io/component': 'BuildImage',
          'app.kubernetes.io/part-of': 'kmm',
          'kmm.node.kubernetes.io/module.name': 'fpga',
          'kmm.node.kubernetes.io/resource-type': 'BuildImage',
          'kmm.node.kubernetes.io/target-kernel': expect.stringMatching(/^6-1-0-1-rt-[0-9a-f]{8}$/),
          'kmm.sigs.x-k8s.io/module-uid': 'uid-1',
          'kmm.sigs.x-k8s.io/input-hash': 'abcdef0123456789',
          'kmm.sigs.x-k8s.io/attempt': '3',
        },
        annotations: {
          'kmm.sigs.x-k8s.io/kernel': testPodKernel,
          'kmm.sigs.x-k8s.io/image': image,
          'kmm.sigs.x-k8s.io/secret-versions': '{"token":"uid-1/7"}',
        },
        ownerReferences: [
          {
            apiVersion: 'kmm.sigs.x-k8s.io/v1beta1',
            kind: 'Module',
            name: 'fpga',
            uid: 'uid-1',
            controller: true,
          },
        ],
      },
    })
    expect(testPod().metadata).not.toHaveProperty('finalizers')
  })
  test('runs once, without a token, and keeps its log out of its status', () => {
    expect(testPod().spec).toMatchObject({
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      tolerations: builtInTolerations,
    })
    expect(testContainer()).toMatchObject({
      name: 'kaniko',
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
    })
  })
  test('tolerates what the Module tolerates', () => {
    const own = { key: 'gpu', operator: 'Exists' }
    expect(testPod({ spec: { tolerations: [own] } }).spec.tolerations).toEqual([own, ...builtInTolerations])
  })
  test("runs where the operator's configuration says", () => {
    expect(testPod({ settings: { nodeSelector: { builds: 'yes' } } }).spec.nodeSelector).toEqual({
      builds: 'yes',
    })
  })
  test('takes deadline, resources, pull secret and environment from the configuration', () => {
    const more = {
      deadlineSeconds: 60,
      resources: { limits: { memory: '4Gi' } },
      pullSecret: 'pull',
      env: [{ name: 'HTTPS_PROXY', value: 'http://proxy' }],
    }
    const made = testPod({ settings: more })
    expect(made.spec).toMatchObject({ activeDeadlineSeconds: 60, imagePullSecrets: [{ name: 'pull' }] })
    expect(made.spec.containers[0]).toMatchObject({
      resources: {
        limits: { memory: '4Gi', 'ephemeral-storage': '50Gi' },
        requests: { 'ephemeral-storage': '0' },
      },
      env: [{}, ...more.env],
    })
    expect(testPod().spec.activeDeadlineSeconds).toBe(7200)
    expect(testPod({ settings: { deadlineSeconds: null } }).spec).not.toHaveProperty('activeDeadlineSeconds')
    expect(testPod().spec).not.toHaveProperty('imagePullSecrets')
  })
  test('may write so much to the disk of its node as the configuration says', () => {
    const resourcesOf = (settings: Partial<OperatorConfig['build']>) => testContainer({ settings })?.resources
    expect(resourcesOf({ scratchSizeLimit: '9Gi' })).toEqual({
      limits: { 'ephemeral-storage': '9Gi' },
      requests: { 'ephemeral-storage': '0' },
    })
    expect(resourcesOf({ scratchSizeLimit: null })).toEqual({})
    const resources = { limits: { 'ephemeral-storage': '1Gi' } }
    expect(resourcesOf({ resources })).toEqual(resources)
  })
  test('has no more rights than it needs', () => {
    const profile = { seccompProfile: { type: 'RuntimeDefault' } }
    expect(testPod().spec.securityContext).toEqual(profile)
    const { capabilities, ...more } = testContainer().securityContext ?? {}
    expect(more).toEqual(profile)
    expect(capabilities?.drop).toEqual(['ALL'])
    // Those that Pod Security "baseline" lets containers add.
    const baseline =
      'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'
    expect(baseline.split(' ')).toEqual(expect.arrayContaining(capabilities?.add ?? []))
    expect(capabilities?.add).not.toContain('NET_RAW')
  })
  test('needs a build section', () => {
    expect(() => testPod({ mapping: { build: undefined } })).toThrow('build section')
  })
})
