export const group = 'kmm.sigs.x-k8s.io'
