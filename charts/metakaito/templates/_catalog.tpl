{{/* What the policies look up: (list $ FACTS), ours and what the values add or replace. */}}
{{- define "metakaito.catalog" -}}
{{- $ := index . 0 -}}
{{- $facts := index . 1 -}}
{{- $presets := $facts.presets -}}
{{- range $key, $preset := $.Values.presets.models -}}
{{- $presets = set $presets $key (include "metakaito.presetRow" $preset) -}}
{{- end -}}
{{- $types := index $facts.instanceTypes $.Values.cloud -}}
{{- range $.Values.presets.instanceTypes -}}
{{- $types = set $types .name (include "metakaito.instanceTypeRow" .) -}}
{{- end -}}
{{- $tunable := list -}}
{{- range $key, $row := $presets -}}
{{- if not (contains " tuningGpus=0 " $row) }}{{ $tunable = append $tunable $key }}{{ end -}}
{{- end -}}
cloud: {{ $.Values.cloud }}
tunable: {{ join ", " $tunable | quote }}
{{- range $key, $row := $presets }}
preset.{{ $key }}: {{ $row | quote }}
{{- end }}
{{- range $key, $row := $types }}
instanceType.{{ $key }}: {{ $row | quote }}
{{- end }}
{{- end -}}

{{/* One preset in a row, as charts/policy_facts.py writes it. */}}
{{- define "metakaito.presetRow" -}}
{{- $tuning := (.tuning | default dict).gpu | default (dict "count" 0 "perGpuMemoryGi" 0) -}}
accessMode={{ .accessMode }} gpus={{ int .gpu.count }} totalGi={{ int .gpu.totalMemoryGi }} perGpuGi={{ int .gpu.perGpuMemoryGi }} processes={{ int .worldSize }} tuningGpus={{ int $tuning.count }} tuningPerGpuGi={{ int $tuning.perGpuMemoryGi }}
{{- end -}}

{{/* One instance type in a row. */}}
{{- define "metakaito.instanceTypeRow" -}}
{{- $resource := .gpuResource | default "nvidia.com/gpu" -}}
gpus={{ int .gpuCount }} totalGi={{ int .gpuMemoryGi }} resource={{ $resource }} device={{ .gpuModel | default $resource }}
{{- end -}}
