{{/*
What makes nodes: machine, nodeclaim or none. With auto an upgrade changes nothing: it is what our
DecoratorController has now, as long as its API is there, and none where our CompositeController is
alone. Otherwise it is what the cluster has an API for.
*/}}
{{- define "metakaito.provisioner" -}}
{{- if ne .Values.provisioner "auto" -}}
{{- .Values.provisioner -}}
{{- else -}}
{{- $apis := dict "machine" "karpenter.sh/v1alpha5/Machine" "nodeclaim" "karpenter.sh/v1/NodeClaim" -}}
{{- $kinds := dict "machines" "machine" "nodeclaims" "nodeclaim" -}}
{{- $found := list -}}
{{- range $name, $api := $apis -}}
{{- if $.Capabilities.APIVersions.Has $api -}}
{{- $found = append $found $name -}}
{{- end -}}
{{- end -}}
{{- $now := "" -}}
{{- if .Capabilities.APIVersions.Has "metacontroller.k8s.io/v1alpha1/CompositeController" -}}
{{- if lookup "metacontroller.k8s.io/v1alpha1" "CompositeController" "" "metakaito-workspaces" -}}
{{- $now = "none" -}}
{{- end -}}
{{- end -}}
{{- if .Capabilities.APIVersions.Has "metacontroller.k8s.io/v1alpha1/DecoratorController" -}}
{{- $decorator := lookup "metacontroller.k8s.io/v1alpha1" "DecoratorController" "" "metakaito-machines" -}}
{{- range (($decorator).spec).attachments -}}
{{- $now = index $kinds .resource | default "" -}}
{{- end -}}
{{- end -}}
{{- if has $now (append $found "none") -}}
{{- $now -}}
{{- else if gt (len $found) 1 -}}
{{- fail "\n\nprovisioner: the cluster has both karpenter.sh/v1alpha5 Machine and karpenter.sh/v1 NodeClaim; set it to machine or nodeclaim\n" -}}
none
{{- else if or $found (include "metakaito.cluster" .) -}}
{{- first $found | default "none" -}}
{{- else -}}
{{- fail "\n\nprovisioner: is auto, and no cluster is asked what it has; set it to machine, nodeclaim or none (metakaito generate: --provisioner nodeclaim), or say --api-versions karpenter.sh/v1/NodeClaim\n" -}}
none
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The first nodes of a kind that were made for Workspaces: (list $ "karpenter.sh/v1" "NodeClaim"). */}}
{{- define "metakaito.nodes" -}}
{{- $ := index . 0 -}}
{{- $names := list -}}
{{- if $.Capabilities.APIVersions.Has (printf "%s/%s" (index . 1) (index . 2)) -}}
{{- range (lookup (index . 1) (index . 2) "" "").items -}}
{{- if eq "metakaito-machines" (dig "metadata" "annotations" "metacontroller.k8s.io/decorator-controller" "" .) -}}
{{- $names = append $names .metadata.name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if gt (len $names) 10 -}}
{{- $names = append (slice $names 0 10) "..." -}}
{{- end -}}
{{- join ", " $names -}}
{{- end -}}
