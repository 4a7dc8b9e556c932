import { expect, test } from 'vitest'
import { serviceOf } from './serviceOf.ts'

test.each([
  ['temporal-frontend.temporal:7233', 'temporal', 'temporal-frontend', 7233],
  ['frontend.temporal.svc:80', 'temporal', 'frontend', 80],
  ['frontend.temporal.svc.cluster.local:7233', 'temporal', 'frontend', 7233],
  ['frontend.temporal.svc.cluster.local.:7233', 'temporal', 'frontend', 7233],
  ['frontend:7233', 'own', 'frontend', 7233],
])('%s names Service %s/%s', (address, namespace, name, port) => {
  expect(serviceOf(address, 'own')).toEqual({ namespace, name, port })
})

test.each([
  'localhost:7233',
  '127.0.0.1:7233',
  '[::1]:7233',
  'temporal.example.com:7233',
  'my.tmprl.cloud:7233',
  'x',
])('%s names none', (address) => {
  expect(serviceOf(address, 'own')).toBeUndefined()
})
