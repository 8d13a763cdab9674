{{/* A pod's own fields: dict root, values (the part's). */}}
{{- define "sketchzoo.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
automountServiceAccountToken: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{- with index $.values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $key := list "priorityClassName" "runtimeClassName" }}
{{- with index $.values $key }}
{{ $key }}: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* A pod template's annotations: dict root, values, port of metrics. */}}
{{- define "sketchzoo.annotations" -}}
{{- $annotations := dict }}
{{- if not .root.Values.monitoring.serviceMonitor.enabled }}
{{- $annotations = dict "prometheus.io/scrape" "true" "prometheus.io/port" (toString .port) }}
{{- end }}
{{- with merge (deepCopy (default dict .values.podAnnotations)) $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What a container of ours is confined to. */}}
{{- define "sketchzoo.confined" -}}
securityContext:
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
{{- end }}

{{/* A container's image, resources, confinement, mounts: dict root, values, uses (list of volumes). */}}
{{- define "sketchzoo.container" -}}
image: {{ include "sketchzoo.image" (dict "root" .root "image" .values.image) }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{ include "sketchzoo.confined" . }}
{{- with .values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- if and (has "tls" .uses) .root.Values.tls.secretName }}
  - {name: tls, mountPath: /tls, readOnly: true}
  {{- end }}
  {{- if and (has "qdrant" .uses) .root.Values.qdrant.ca.secretName }}
  - {name: qdrant-ca, mountPath: /qdrant-ca, readOnly: true}
  {{- end }}
  {{- if and (has "photos" .uses) .root.Values.photos.claim }}
  - {name: photos, mountPath: /photos, readOnly: true}
  {{- end }}
  {{- if and (has "kept" .uses) .root.Values.gallery.enabled }}
  - {name: kept, mountPath: /kept, readOnly: {{ not (has "keeps" .uses) }}}
  {{- end }}
  {{- if and (has "map" .uses) .root.Values.map.enabled }}
  - {name: map, mountPath: /map, readOnly: {{ not (has "maps" .uses) }}}
  {{- end }}
  {{- with .values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* A pod's volumes: dict root, values, uses. */}}
{{- define "sketchzoo.volumes" -}}
volumes:
  - {name: tmp, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
  {{- with .root.Values.tls.secretName }}
  {{- if has "tls" $.uses }}
  - {name: tls, secret: {secretName: {{ . }}}}
  {{- end }}
  {{- end }}
  {{- with .root.Values.qdrant.ca.secretName }}
  {{- if has "qdrant" $.uses }}
  - {name: qdrant-ca, secret: {secretName: {{ . }}}}
  {{- end }}
  {{- end }}
  {{- with .root.Values.photos.claim }}
  {{- if has "photos" $.uses }}
  - {name: photos, persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}}
  {{- end }}
  {{- end }}
  {{- if and (has "kept" .uses) .root.Values.gallery.enabled }}
  {{- $claim := default (printf "%s-kept" (include "sketchzoo.fullname" .root)) .root.Values.kept.claim }}
  - {name: kept, persistentVolumeClaim: {claimName: {{ $claim }}, readOnly: {{ not (has "keeps" .uses) }}}}
  {{- end }}
  {{- if and (has "map" .uses) .root.Values.map.enabled }}
  - {name: map, persistentVolumeClaim: {claimName: {{ include "sketchzoo.fullname" .root }}-map, readOnly: {{ not (has "maps" .uses) }}}}
  {{- end }}
  {{- with .values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Readiness and liveness by gRPC health: dict root, port, live (whether to restart what does not serve). */}}
{{- define "sketchzoo.probes" -}}
{{- $tls := .root.Values.tls.secretName }}
{{- $command := list "python" "-m" "sketchzoo" "health" (printf "127.0.0.1:%d" (int .port)) }}
startupProbe:
  {{- if not .live }}
  tcpSocket: {port: {{ .port }}}
  {{- else if $tls }}
  exec: {command: {{ toJson $command }}}
  timeoutSeconds: 5
  {{- else }}
  grpc: {port: {{ .port }}}
  {{- end }}
  periodSeconds: 2
  failureThreshold: {{ default 30 .patience }}
readinessProbe:
  {{- if $tls }}
  # Kubernetes' own gRPC probes speak plain text only.
  exec: {command: {{ toJson $command }}}
  periodSeconds: 10
  timeoutSeconds: 5
  {{- else }}
  grpc: {port: {{ .port }}}
  periodSeconds: 5
  timeoutSeconds: 2
  {{- end }}
livenessProbe:
  {{- if not .live }}
  # What is missing is elsewhere, and a restart would help nobody.
  tcpSocket: {port: {{ .port }}}
  {{- else if $tls }}
  exec: {command: {{ toJson $command }}}
  {{- else }}
  grpc: {port: {{ .port }}}
  {{- end }}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
{{- end }}
