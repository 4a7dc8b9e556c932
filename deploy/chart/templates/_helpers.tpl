{{/* Labels of every object. */}}
{{- define "kmm.labels" -}}
{{ include "kmm.selectorLabels" . }}
app.kubernetes.io/part-of: kmm
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels that select the operator's pods. */}}
{{- define "kmm.selectorLabels" -}}
app.kubernetes.io/name: kmm
app.kubernetes.io/component: kmm
{{- end }}

{{- define "kmm.image" -}}
{{ .Values.controller.image | default (printf "ghcr.io/kmm-temporal/kmm-temporal:%s" .Chart.AppVersion) }}
{{- end }}

{{/* Port of an address of the configuration; empty for "0", which means: not served. */}}
{{- define "kmm.port" -}}
{{- if ne (toString .) "0" }}{{ regexFind "[0-9]+$" (toString .) }}{{ end }}
{{- end }}

{{- define "kmm.probesPort" -}}
{{ include "kmm.port" (.Values.config.healthProbeBindAddress | default ":8081") }}
{{- end }}

{{- define "kmm.metricsPort" -}}
{{ include "kmm.port" (dig "metrics" "bindAddress" "0.0.0.0:8443" .Values.config) }}
{{- end }}

{{/* Name of the Lease of the leader. */}}
{{- define "kmm.leaseName" -}}
{{ dig "leaderElection" "resourceID" "kmm.sigs.x-k8s.io" .Values.config }}
{{- end }}

{{- define "kmm.managerConfig" -}}
{{ .Values.controller.managerConfig | default "kmm-operator-manager-config" }}
{{- end }}

{{/* Host of the embedded Temporal. */}}
{{- define "kmm.embeddedTemporalHost" -}}
kmm-operator-temporal.{{ .Release.Namespace }}.svc
{{- end }}

{{/*
The connection to Temporal as YAML: address, tls (boolean), serverName, secretName, serverCA, clientCertificate,
createNamespace. The embedded Temporal has mutual TLS with certificates that the chart makes.
*/}}
{{- define "kmm.temporalConnection" -}}
{{- $temporal := .Values.temporal }}
{{- if $temporal.embedded.enabled -}}
address: {{ include "kmm.embeddedTemporalHost" . }}:7233
tls: true
serverName: {{ include "kmm.embeddedTemporalHost" . }}
secretName: kmm-operator-temporal-client-tls
serverCA: true
clientCertificate: true
createNamespace: true
{{- else -}}
address: {{ $temporal.address | quote }}
tls: {{ $temporal.tls.enabled }}
serverName: {{ $temporal.tls.serverName | quote }}
secretName: {{ $temporal.tls.enabled | ternary $temporal.tls.secretName "" | quote }}
serverCA: {{ $temporal.tls.serverCA }}
clientCertificate: {{ $temporal.tls.clientCertificate }}
createNamespace: {{ $temporal.createNamespace }}
{{- end }}
{{- end }}

{{/* Environment variables of the operator for its connection to Temporal. */}}
{{- define "kmm.temporalEnv" -}}
{{- $connection := include "kmm.temporalConnection" . | fromYaml }}
{{- $apiKey := .Values.temporal.apiKeySecret }}
{{- $tls := "/etc/kmm/temporal/tls" -}}
- name: TEMPORAL_ADDRESS
  value: {{ $connection.address | quote }}
- name: TEMPORAL_NAMESPACE
  value: {{ .Values.temporal.namespace | quote }}
- name: TEMPORAL_CREATE_NAMESPACE
  value: {{ $connection.createNamespace | quote }}
- name: TEMPORAL_TLS
  value: {{ $connection.tls | quote }}
{{- if and $connection.tls $connection.serverName }}
- name: TEMPORAL_TLS_SERVER_NAME
  value: {{ $connection.serverName | quote }}
{{- end }}
{{- if and $connection.secretName $connection.serverCA }}
- name: TEMPORAL_TLS_SERVER_CA_CERT_PATH
  value: {{ $tls }}/ca.crt
{{- end }}
{{- if and $connection.secretName $connection.clientCertificate }}
- name: TEMPORAL_TLS_CLIENT_CERT_PATH
  value: {{ $tls }}/tls.crt
- name: TEMPORAL_TLS_CLIENT_KEY_PATH
  value: {{ $tls }}/tls.key
{{- end }}
{{- if and $apiKey.name (not .Values.temporal.embedded.enabled) }}
- name: TEMPORAL_API_KEY_FILE
  value: /etc/kmm/temporal/api-key/{{ $apiKey.key }}
{{- end }}
{{- with .Values.temporal.clusterName }}
- name: KMM_CLUSTER_NAME
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Environment variables for the proxy. The embedded Temporal is never reached through it. */}}
{{- define "kmm.proxyEnv" -}}
{{- $direct := list }}
{{- if .Values.temporal.embedded.enabled }}
{{- $direct = append $direct (include "kmm.embeddedTemporalHost" .) }}
{{- end }}
{{- with .Values.proxy.noProxy }}{{ $direct = prepend $direct . }}{{ end }}
{{- with .Values.proxy.http }}
- name: HTTP_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.https }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- if and (or .Values.proxy.http .Values.proxy.https) $direct }}
- name: NO_PROXY
  value: {{ join "," $direct | quote }}
{{- end }}
{{- end }}

{{/* Labels that select the pod of the embedded Temporal. */}}
{{- define "kmm.temporalSelectorLabels" -}}
app.kubernetes.io/name: kmm-temporal-server
app.kubernetes.io/component: temporal
{{- end }}

{{/* Labels that select the pod of its Web UI. */}}
{{- define "kmm.temporalUiSelectorLabels" -}}
app.kubernetes.io/name: kmm-temporal-ui
app.kubernetes.io/component: temporal-ui
{{- end }}

{{/* Labels of the objects of the embedded Temporal; the argument is the name of its selector's template and the root. */}}
{{- define "kmm.temporalLabels" -}}
{{ include (index . 0) (index . 1) }}
app.kubernetes.io/part-of: kmm
{{- with (index . 1).Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels, as a list in CEL, that only pods have which the operator itself makes. */}}
{{- define "kmm.podLabels" -}}
['kmm.node.kubernetes.io/worker-action', 'kmm.node.kubernetes.io/resource-type', 'kmm.node.kubernetes.io/image-owner']
{{- end }}

{{/* The same, and the one on pods of DaemonSets that the operator makes. */}}
{{- define "kmm.roleLabels" -}}
['kmm.node.kubernetes.io/worker-action', 'kmm.node.kubernetes.io/resource-type', 'kmm.node.kubernetes.io/image-owner', 'kmm.node.kubernetes.io/role']
{{- end }}
