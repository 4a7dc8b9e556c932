/** API group of admission policies. */
export const admissionGroup = 'admissionregistration.k8s.io'

/** Names of the policies of deploy/ that let only the operator write what it believes, and of their bindings. */
export const guardingPolicyNames = ['kmm-operator-pods', 'kmm-operator-records'] as const

const kinds = [
  { resource: 'validatingadmissionpolicies', kind: 'ValidatingAdmissionPolicy' },
  { resource: 'validatingadmissionpolicybindings', kind: 'ValidatingAdmissionPolicyBinding' },
] as const

/** Each policy and each binding, as the API server serves it. */
export const guardingPolicies = kinds.flatMap((kind) =>
  guardingPolicyNames.map((name) => ({ ...kind, name })),
)
