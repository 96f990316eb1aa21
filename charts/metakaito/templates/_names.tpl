{{/* The first part of all names; short enough for what is added to it. */}}
{{- define "metakaito.fullname" -}}
{{- $chart := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $chart .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $chart | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels by which Pods are found: (list $ "hooks"). They never change. */}}
{{- define "metakaito.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ $.Values.nameOverride | default $.Chart.Name | quote }}
app.kubernetes.io/instance: {{ $.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of everything that we make: (list $ "hooks"), and a map of more where there are some. */}}
{{- define "metakaito.labels" -}}
{{- $ := index . 0 -}}
{{- $more := dict -}}
{{- if gt (len .) 2 -}}
{{- $more = index . 2 -}}
{{- end -}}
{{- with mergeOverwrite (dict) $.Values.commonLabels $more }}
{{- toYaml . }}
{{ end -}}
{{ include "metakaito.selector" . }}
app.kubernetes.io/part-of: metakaito
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The reference of an image: (list IMAGE "tag where none is set"). */}}
{{- define "metakaito.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default (index . 1)) -}}
{{- end -}}
{{- end -}}
