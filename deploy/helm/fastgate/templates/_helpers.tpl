{{- define "fastgate.name" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) }}
{{- $name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "fastgate.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "fastgate.labels" -}}
{{ include "fastgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* `true` if the gateway watches its file. What is no declarative file fails here and not in the pod. */ -}}
{{- define "fastgate.watches" -}}
{{- $read := fromYaml .Values.config }}
{{- if hasKey $read "Error" }}{{ fail (printf "config: %s" $read.Error) }}{{ end }}
{{- if not (hasKey $read "_format_version") }}{{ fail "config: no _format_version: it must be a whole declarative file" }}{{ end }}
{{- if dig "gateway" "watch" false $read }}true{{ end }}
{{- end }}
