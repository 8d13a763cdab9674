{{/* A variable from a secret: dict name, secretName, key. */}}
{{- define "sketchzoo.secretVariable" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secretName }}, key: {{ .key }}}}
{{- end }}

{{/* A server's token and certificate: dict root, prefix (SEARCH), token (the values' entry). */}}
{{- define "sketchzoo.serves" -}}
{{- if .token.secretName }}
{{ include "sketchzoo.secretVariable" (merge (dict "name" (printf "SKETCHZOO_%s_TOKEN" .prefix)) .token) }}
{{- end }}
{{- if .root.Values.tls.secretName }}
- {name: SKETCHZOO_{{ .prefix }}_TLS_CERTIFICATE, value: /tls/tls.crt}
- {name: SKETCHZOO_{{ .prefix }}_TLS_KEY, value: /tls/tls.key}
# Its health check's.
- {name: SKETCHZOO_TLS_CA, value: /tls/ca.crt}
{{- end }}
{{- end }}

{{/* How an encoder is called: dict root and, where it is not the first, name. */}}
{{- define "sketchzoo.callsEncoder" -}}
- name: SKETCHZOO_ENCODER_TARGET
  value: dns:///{{ include "sketchzoo.host" (dict "root" .root "name" (default "encoder" .name)) }}:50051
{{- with .root.Values.tokens.encoder }}
{{- if .secretName }}
{{ include "sketchzoo.secretVariable" (merge (dict "name" "SKETCHZOO_ENCODER_CALL_TOKEN") .) }}
{{- end }}
{{- end }}
{{- if .root.Values.tls.secretName }}
- {name: SKETCHZOO_ENCODER_CALL_CA, value: /tls/ca.crt}
{{- end }}
{{- end }}

{{/* How Qdrant is called: dict root, key (writeKey or readKey). */}}
{{- define "sketchzoo.callsQdrant" -}}
- {name: SKETCHZOO_QDRANT_URL, value: {{ .root.Values.qdrant.url | quote }}}
{{- with .root.Values.qdrant.secret }}
{{ include "sketchzoo.secretVariable" (dict "name" "SKETCHZOO_QDRANT_API_KEY" "secretName" .name "key" (index . $.key)) }}
{{- end }}
{{- with .root.Values.qdrant.ca }}
{{- if .secretName }}
- {name: SKETCHZOO_QDRANT_CA, value: /qdrant-ca/{{ .key }}}
{{- end }}
{{- end }}
{{- end }}

{{/* A container's variables: dict root, values, own (the chart's). The operator's come in the place of the chart's. */}}
{{- define "sketchzoo.variables" -}}
{{- $given := default dict .values.env }}
{{- $all := list }}
{{- range fromYamlArray .own }}
{{- if not (hasKey $given .name) }}{{ $all = append $all . }}{{ end }}
{{- end }}
{{- if and .root.Values.otlpEndpoint (not (hasKey $given "SKETCHZOO_OTLP_ENDPOINT")) }}
{{- $all = append $all (dict "name" "SKETCHZOO_OTLP_ENDPOINT" "value" .root.Values.otlpEndpoint) }}
{{- end }}
{{- range $name, $value := $given }}
{{- $all = append $all (dict "name" $name "value" (ternary $value (toJson $value) (kindIs "string" $value))) }}
{{- end }}
{{- toYaml $all }}
{{- end }}
