#!/usr/bin/env bash
# A recording to a running service, with curl: upload.sh [RECORDING [TRANSCRIPT]]
set -euo pipefail
service=${EMOBRIDGE_URL:-http://127.0.0.1:8000}
recording=${1:-src/emobridge/sample/two_speakers.flac}
curl=(curl --silent --show-error --fail-with-body --proto '=http,https')
[ -z "${EMOBRIDGE_KEY:-}" ] || curl+=(--header "Authorization: Bearer $EMOBRIDGE_KEY")

# The result of a short recording, as a table.
form=(--form "recording=@$recording" --form categories=four)
[ -z "${2:-}" ] || form+=(--form "transcript=<$2")
"${curl[@]}" --header 'Accept: text/csv' "${form[@]}" "$service/v1/recordings"

# A job for a long one: accepted at once, watched until it is done, fetched as subtitles, forgotten.
later=(--header "Prefer: respond-async" --output /dev/null --write-out "%header{location}")
job=$("${curl[@]}" "${later[@]}" "${form[@]}" "$service/v1/recordings")
"${curl[@]}" --no-buffer "$service$job/events" | grep '^event:'
"${curl[@]}" "$service$job/result.srt"
"${curl[@]}" --request DELETE "$service$job"
