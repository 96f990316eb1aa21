{{/*
What a Pod may do, in the words of the Pod Security standard "restricted". OpenShift gives each
namespace users of its own and refuses any other.
*/}}
{{- define "metakaito.podSecurityContext" -}}
runAsNonRoot: true
{{- if not (.Capabilities.APIVersions.Has "security.openshift.io/v1") }}
runAsUser: 65532
runAsGroup: 65532
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What a container may do: nothing beyond that, and it writes only where a volume is. */}}
{{- define "metakaito.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where Pods of a section of the values run: (list SECTION). */}}
{{- define "metakaito.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Secrets with which images are pulled. */}}
{{- define "metakaito.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
GOMEMLIMIT of a section of the values: what it says, or nine tenths of its limit of memory, in MiB.
A limit is a quantity of Kubernetes; a large number has become 5.36870912e+08 on the way.
*/}}
{{- define "metakaito.goMemLimit" -}}
{{- if .goMemLimit -}}
{{- .goMemLimit -}}
{{- else if dig "limits" "memory" "" .resources -}}
{{- $memory := toString .resources.limits.memory -}}
{{- $amount := regexFind "^[0-9.]+(e[+]?[0-9]+)?" $memory -}}
{{- $bytes := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := trimPrefix $amount $memory -}}
{{- if or (not $amount) (not (hasKey $bytes $unit)) -}}
{{- fail (printf "\n\nmetacontroller.resources.limits.memory: is %s; write it as 512Mi or 1Gi, or set metacontroller.goMemLimit\n" $memory) -}}
{{- end -}}
{{- printf "%dMiB" (divf (mulf (float64 $amount) (get $bytes $unit) 0.9) 1048576 | floor | int64) -}}
{{- end -}}
{{- end -}}
