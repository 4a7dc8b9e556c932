const container = {
  image: 'reg.example/plugin:1',
  command: ['/plugin'],
  args: ['--verbose'],
  env: [
    { name: 'A', value: '1' },
    { name: 'NODE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } } },
    { name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
  ],
  imagePullPolicy: 'Always',
  resources: {
    limits: { cpu: '500m', memory: '64Mi' },
    requests: { cpu: 1 },
    claims: [{ name: 'c', request: 'r' }],
  },
  volumeMounts: [
    { name: 'dev', mountPath: '/dev', readOnly: false, mountPropagation: 'HostToContainer', subPath: 'x' },
    { name: 'sys', mountPath: '/sys', recursiveReadOnly: 'IfPossible', subPathExpr: '$(NODE)' },
  ],
}

const pods = {
  container,
  initContainer: { ...container, image: 'reg.example/init:1' },
  serviceAccountName: 'plugin',
  automountServiceAccountToken: false,
  volumes: [
    { name: 'dev', hostPath: { path: '/dev/acme', type: 'Directory' } },
    {
      name: 'config',
      configMap: {
        name: 'c',
        items: [{ key: 'k', path: 'p', mode: 0o400 }],
        defaultMode: 0o440,
        optional: true,
      },
    },
    { name: 'secret', secret: { secretName: 's', optional: false } },
    { name: 'empty', emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } },
    { name: 'image', image: { reference: 'reg.example/data:1', pullPolicy: 'IfNotPresent' } },
    {
      name: 'projected',
      projected: {
        sources: [
          { serviceAccountToken: { audience: 'a', expirationSeconds: 3600, path: 't' } },
          {
            downwardAPI: {
              items: [{ path: 'p', resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } }],
            },
          },
        ],
      },
    },
    {
      name: 'ephemeral',
      ephemeral: {
        volumeClaimTemplate: {
          metadata: { labels: { a: 'b' }, annotations: { c: 'd' } },
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '1Gi' } },
            selector: { matchExpressions: [{ key: 'k', operator: 'In', values: ['v'] }] },
          },
        },
      },
    },
    { name: 'csi', csi: { driver: 'd', volumeAttributes: { a: 'b' }, nodePublishSecretRef: { name: 'n' } } },
  ],
}

const tls = { insecure: true, insecureSkipTLSVerify: false }

const build = {
  dockerfileConfigMap: { name: 'dockerfile' },
  buildArgs: [{ name: 'REV', value: '42' }],
  secrets: [{ name: 'git-token' }],
  baseImageRegistryTLS: tls,
  kanikoParams: { tag: 'debug' },
  selector: { 'kubernetes.io/arch': 'amd64' },
}

const sign = {
  unsignedImage: 'reg.example/unsigned:${KERNEL_FULL_VERSION}',
  unsignedImageRegistryTLS: tls,
  keySecret: { name: 'key' },
  certSecret: { name: 'cert' },
  filesToSign: ['/opt/lib/modules/${KERNEL_FULL_VERSION}/acme_?.ko'],
}

const moduleLoader = {
  serviceAccountName: 'loader',
  container: {
    build,
    sign,
    version: '2',
    containerImage: 'reg.example:5000/acme:${KERNEL_FULL_VERSION}',
    imagePullPolicy: 'IfNotPresent',
    registryTLS: tls,
    inTreeModulesToRemove: ['dummy'],
    kernelMappings: [
      {
        literal: '6.8.0-60-generic',
        containerImage: '',
        build,
        sign,
        registryTLS: tls,
        inTreeModulesToRemove: [],
      },
      { regexp: '^6\\..+$', containerImage: `reg.example/acme@sha256:${'a'.repeat(64)}` },
    ],
    modprobe: {
      moduleName: 'acme',
      parameters: ['debug=1'],
      dirName: '/opt',
      args: { load: ['--ignore-install'], unload: ['-q'] },
      firmwarePath: '/firmware',
      modulesLoadingOrder: ['acme', 'acme_core'],
    },
  },
}

const common = {
  selector: { 'node-role.kubernetes.io/worker': '' },
  tolerations: [
    { key: 'gpu', operator: 'Exists', effect: 'NoSchedule' },
    { key: 'k', operator: 'Equal', value: 'v', effect: 'NoExecute', tolerationSeconds: 60 },
  ],
  imageRepoSecret: { name: 'pull' },
  imageRebuildTriggerGeneration: 3,
}

/** Specs of Modules that together hold every field of images:1.1, and Kubernetes' own types in some depth. */
export const sampleSpecs = {
  devicePlugin: { ...common, moduleLoader, devicePlugin: pods },
  dra: {
    ...common,
    moduleLoader: {
      container: {
        inTreeModuleToRemove: 'dummy',
        kernelMappings: [
          { regexp: '.', containerImage: 'reg.example/acme:1', inTreeModuleToRemove: 'other' },
        ],
        modprobe: {
          dirName: '/usr',
          rawArgs: { load: ['-d', '/usr', 'acme'], unload: ['-rd', '/usr', 'acme'] },
        },
      },
    },
    dra: {
      ...pods,
      driverName: 'gpu.example.com',
      deviceClasses: [
        {
          name: 'acme.example.com',
          selectors: [{ cel: { expression: 'device.driver == "gpu.example.com"' } }],
          config: [{ opaque: { driver: 'gpu.example.com', parameters: { any: { thing: [1, 'x'] } } } }],
        },
      ],
    },
  },
  pluginOnly: { selector: {}, devicePlugin: { container: { image: 'reg.example/plugin:1' } } },
}

/** A config of a NodeModulesConfig with every field. */
export const sampleConfig = {
  kernelVersion: '6.1.0+',
  containerImage: 'reg.example/acme:1',
  imagePullPolicy: 'IfNotPresent',
  insecurePull: false,
  inTreeModulesToRemove: ['dummy'],
  modprobe: moduleLoader.container.modprobe,
}
