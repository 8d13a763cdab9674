{{- define "sketchzoo.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "sketchzoo.fullname" -}}
{{- $name := include "sketchzoo.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What every pod of the release bears. */}}
{{- define "sketchzoo.release" -}}
app.kubernetes.io/name: {{ include "sketchzoo.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What the pods of a part bear: dict root, part. A part's name is Prometheus' job. */}}
{{- define "sketchzoo.selector" -}}
{{ include "sketchzoo.release" .root }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{/* Nothing of the chart's version: a new one starts no pod anew by itself. */}}
{{- define "sketchzoo.podLabels" -}}
{{ include "sketchzoo.selector" . }}
app.kubernetes.io/part-of: sketchzoo
{{- end }}

{{- define "sketchzoo.labels" -}}
{{ include "sketchzoo.podLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* An object's metadata: dict root, part and, where it is not the part's name, name. */}}
{{- define "sketchzoo.metadata" -}}
name: {{ include "sketchzoo.fullname" .root }}-{{ default .part .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "sketchzoo.labels" . | nindent 2 }}
{{- end }}

{{/* A Service's name in full: dict root, name. */}}
{{- define "sketchzoo.host" -}}
{{ include "sketchzoo.fullname" .root }}-{{ .name }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end }}

{{/* dict root, image. The digest is what counts where there is one; the tag stays to be read. */}}
{{- define "sketchzoo.image" -}}
{{- with .root.Values.image.registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{ .image.repository }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* The encoder's values, those for CUDA in the place of the CPU's where it is on. */}}
{{- define "sketchzoo.encoder" -}}
{{- $encoder := deepCopy .Values.encoder }}
{{- with .Values.encoder.gpu }}
{{- if .enabled }}
{{- $resources := deepCopy .resources }}
{{- $limits := set (default dict $resources.limits) .resource .count }}
{{- $_ := set $resources "limits" $limits }}
{{- $_ := set $encoder "resources" $resources }}
{{- range $key := list "image" "replicas" "autoscaling" "runtimeClassName" }}
{{- $_ := set $encoder $key (index $.Values.encoder.gpu $key) }}
{{- end }}
{{- $_ := set $encoder "nodeSelector" (merge (deepCopy .nodeSelector) (default dict $encoder.nodeSelector)) }}
{{- $_ := set $encoder "tolerations" (concat .tolerations (default list $encoder.tolerations)) }}
{{- end }}
{{- end }}
{{- toYaml $encoder }}
{{- end }}
