{{- define "latchkey.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end }}

{{- define "latchkey.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "latchkey.labels" -}}
{{ include "latchkey.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "latchkey.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "latchkey.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "latchkey.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "latchkey.environment" -}}
{{- $secret := required "existingSecret: the name of a Secret with the keys secret and database-url" .Values.existingSecret -}}
- name: LATCHKEY_PUBLIC_URL
  value: {{ required "publicUrl: the https origin at which users reach the server" .Values.publicUrl | quote }}
{{- with .Values.trustedProxies }}
- name: LATCHKEY_TRUSTED_PROXIES
  value: {{ . | quote }}
{{- end }}
{{- with .Values.metricsPort }}
- name: LATCHKEY_METRICS_ADDRESS
  value: "0.0.0.0:{{ . }}"
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
- name: LATCHKEY_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: secret
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: database-url
- name: REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: redis-url
      optional: true
- name: LATCHKEY_SMTP_URL
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: smtp-url
      optional: true
{{- range $name, $key := .Values.secretSettings }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ $key }}
{{- end }}
{{- end }}
