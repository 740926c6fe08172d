{{- define "denyd.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "denyd.labels" -}}
{{ include "denyd.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.fleetLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "denyd.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "denyd.configuration" -}}
{{- if .Values.sources }}
sources = {{ concat (list "default") .Values.sources | toJson }}
{{- end }}
{{- if .Values.silent }}
silent = true
{{- end }}
[pin]
# Its file system is that of the pod.
enabled = false
[names]
runtime_sockets = {{ list (printf "cri:%s" .Values.runtimeSocket) | toJson }}
[metrics]
enabled = {{ .Values.metrics.enabled }}
listen = {{ printf "0.0.0.0:%v" .Values.metrics.port | quote }}
[tail]
serve = false
{{- with .Values.extraConfiguration }}
{{ . }}
{{- end }}
{{- end }}
