{{/* Matches an image with a tag or a digest. */}}
{{- define "kmm.imagePattern" -}}
^[^\s@]+(:[A-Za-z0-9_][A-Za-z0-9_.-]*|(:[^/@]+)?@sha256:[0-9a-f]{64})$
{{- end }}

{{/* Refuses values that the schema cannot judge, or not in words: every fault is named, with what would be right. */}}
{{- define "kmm.validate" -}}
{{- $faults := list }}
{{- $imagePattern := include "kmm.imagePattern" . }}
{{- range $key := list "image" "workerImage" "buildImage" }}
{{- $image := index $.Values.controller $key }}
{{- if and $image (not (regexMatch $imagePattern $image)) }}
{{- $faults = append $faults (printf "controller.%s: %q has neither tag nor digest; give registry/name:tag or registry/name@sha256:..." $key $image) }}
{{- end }}
{{- end }}
{{- if .Values.temporal.embedded.enabled }}
{{- range $key := list "image" "uiImage" }}
{{- $image := index $.Values.temporal.embedded $key }}
{{- if not (regexMatch $imagePattern $image) }}
{{- $faults = append $faults (printf "temporal.embedded.%s: %q has neither tag nor digest; give name:tag or name@sha256:..." $key $image) }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.temporal }}
{{- if not (or .embedded.enabled (regexMatch "^(\\[[0-9a-fA-F:]+\\]|[^\\s:/]+):[0-9]{1,5}$" .address)) }}
{{- $faults = append $faults (printf "temporal.address: %q is not host:port; leave out a scheme, give the port" .address) }}
{{- end }}
{{- if not (regexMatch "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$" .clusterName) }}
{{- $faults = append $faults (printf "temporal.clusterName: %q must be lower-case letters, digits and '-', at most 63" .clusterName) }}
{{- end }}
{{- if not (or .tls.enabled .embedded.enabled) }}
{{- range $key, $value := dict "apiKeySecret.name" .apiKeySecret.name "tls.secretName" .tls.secretName }}
{{- if $value }}
{{- $faults = append $faults (printf "temporal.%s: %q needs TLS; set temporal.tls.enabled to true" $key $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- range $key := list "http" "https" }}
{{- $url := index $.Values.proxy $key }}
{{- if and $url (not (regexMatch "^https?://[^\\s]+$" $url)) }}
{{- $faults = append $faults (printf "proxy.%s: %q is not a URL such as http://proxy.example:3128" $key $url) }}
{{- end }}
{{- end }}
{{- range $key, $port := dict "healthProbeBindAddress" (include "kmm.probesPort" .) "metrics.bindAddress" (include "kmm.metricsPort" . | default "1") }}
{{- if not (and $port (le 1 (atoi $port)) (ge 65535 (atoi $port))) }}
{{- $faults = append $faults (printf "config.%s: must end in a port, as in :8081" $key) }}
{{- end }}
{{- end }}
{{- with $faults }}
{{- fail (printf "\n%s" (join "\n" .)) }}
{{- end }}
{{- end }}
