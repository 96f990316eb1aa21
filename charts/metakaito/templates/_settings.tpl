{{/* Not empty if there are presets of the user's own. */}}
{{- define "metakaito.hasPresets" -}}
{{- if or .Values.presets.models .Values.presets.instanceTypes -}}true{{- end -}}
{{- end -}}

{{/* The settings of `metakaito serve`, as variables. */}}
{{- define "metakaito.settings" -}}
- name: METAKAITO_PROVISIONER
  value: {{ include "metakaito.provisioner" . }}
- name: METAKAITO_CLOUD
  value: {{ .Values.cloud }}
- name: METAKAITO_NODE_CLASS_GROUP
  value: {{ .Values.nodeClass.group | quote }}
- name: METAKAITO_NODE_CLASS_KIND
  value: {{ .Values.nodeClass.kind | quote }}
- name: METAKAITO_NODE_CLASS_NAME
  value: {{ .Values.nodeClass.name | quote }}
- name: METAKAITO_IMAGE_REGISTRY
  value: {{ .Values.imageRegistry | quote }}
- name: METAKAITO_RUNTIME
  value: {{ .Values.runtime.name }}
- name: METAKAITO_RUNTIME_IMAGE
  value: {{ .Values.runtime.image | default (printf "ghcr.io/metakaito/metakaito-transformers:%s" .Chart.AppVersion) | quote }}
- name: METAKAITO_STEPS_IMAGE
  value: {{ include "metakaito.image" (list .Values.image .Chart.AppVersion) }}
- name: METAKAITO_ADAPTER_BASE
  value: {{ .Values.training.adapterBase | quote }}
{{- with .Values.training.fetchNetworks }}
- name: METAKAITO_FETCH_ALLOW_NETWORKS
  value: {{ join "," . | quote }}
{{- end }}
{{- if include "metakaito.hasPresets" . }}
- name: METAKAITO_PRESETS
  value: /etc/metakaito/presets
{{- end }}
- name: METAKAITO_WORKERS
  value: {{ .Values.hooks.workers | quote }}
- name: METAKAITO_THREADS
  value: {{ .Values.hooks.threads | quote }}
- name: METAKAITO_MAX_REQUEST_BYTES
  value: {{ .Values.hooks.maxRequestBytes | int64 | quote }}
- name: METAKAITO_STOP_SECONDS
  value: {{ .Values.hooks.stopSeconds | quote }}
- name: METAKAITO_LOG_LEVEL
  value: {{ .Values.hooks.logLevel }}
- name: METAKAITO_LOG_FORMAT
  value: {{ .Values.hooks.logFormat }}
{{- with .Values.hooks.record }}
{{- if .enabled }}
- name: METAKAITO_RECORD
  value: /recorded
- name: METAKAITO_RECORD_MAX_REQUESTS
  value: {{ .maxRequests | int64 | quote }}
- name: METAKAITO_RECORD_MAX_BYTES
  value: {{ mul .maxMebibytes 1048576 | quote }}
{{- end }}
{{- end }}
{{- if .Values.webhookAuthentication.enabled }}
- name: METAKAITO_TOKEN_FILE
  value: /etc/metakaito/token/token
{{- end }}
{{- end -}}

{{/* Where the files are that the settings name, and where it may write. */}}
{{- define "metakaito.settingsMounts" -}}
# Metrics that the processes share, and gunicorn's signs of life.
- name: tmp
  mountPath: /tmp
{{- if include "metakaito.hasPresets" . }}
- name: presets
  mountPath: /etc/metakaito/presets
  readOnly: true
{{- end }}
{{- if .Values.hooks.record.enabled }}
- name: recorded
  mountPath: /recorded
{{- end }}
{{- if .Values.webhookAuthentication.enabled }}
- name: token
  mountPath: /etc/metakaito/token
  readOnly: true
{{- end }}
{{- end -}}

{{/* What is mounted there. */}}
{{- define "metakaito.settingsVolumes" -}}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 64Mi
{{- if include "metakaito.hasPresets" . }}
- name: presets
  configMap:
    name: {{ include "metakaito.fullname" . }}-presets
    items:
      {{- range $name, $_ := .Values.presets.models }}
      - key: models.{{ $name }}.yaml
        path: models/{{ $name }}.yaml
      {{- end }}
      {{- if .Values.presets.instanceTypes }}
      - key: instance_types.{{ .Values.cloud }}.yaml
        path: instance_types/{{ .Values.cloud }}.yaml
      {{- end }}
{{- end }}
{{- with .Values.hooks.record }}
{{- if .enabled }}
- name: recorded
  emptyDir:
    sizeLimit: {{ add .maxMebibytes 64 }}Mi
{{- end }}
{{- end }}
{{- if .Values.webhookAuthentication.enabled }}
- name: token
  secret:
    secretName: {{ .Values.webhookAuthentication.secretName | quote }}
    items:
      - key: {{ .Values.webhookAuthentication.secretKey | quote }}
        path: token
{{- end }}
{{- end -}}
