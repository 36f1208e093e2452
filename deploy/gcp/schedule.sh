#!/bin/sh
# Makes what starts duly's VM on Google Cloud every night: a service account that may start this one instance and do
# nothing else, and a job of Cloud Scheduler that calls the Compute API with it. It may be run again.
#
# Usage: PROJECT=… ZONE=… INSTANCE=… [LOCATION=…] [SCHEDULE='30 2 * * *'] [TIME_ZONE=Asia/Seoul] schedule.sh
set -eu

need() { eval "[ -n \"\${$1:-}\" ]" || {
	printf 'schedule.sh: set %s\n' "$1" >&2
	exit 2
}; }
need PROJECT
need ZONE
need INSTANCE
location=${LOCATION:-${ZONE%-*}}
schedule=${SCHEDULE:-30 2 * * *}
time_zone=${TIME_ZONE:-Asia/Seoul}

role=dulyStarter
account=duly-starter@$PROJECT.iam.gserviceaccount.com
job=duly-nightly

gcloud services enable cloudscheduler.googleapis.com compute.googleapis.com --project "$PROJECT"

gcloud iam roles describe "$role" --project "$PROJECT" >/dev/null 2>&1 ||
	gcloud iam roles create "$role" --project "$PROJECT" --title "Starts duly's VM" \
		--permissions compute.instances.start --stage GA
gcloud iam service-accounts describe "$account" --project "$PROJECT" >/dev/null 2>&1 ||
	gcloud iam service-accounts create duly-starter --project "$PROJECT" --display-name "Starts duly's VM"
gcloud compute instances add-iam-policy-binding "$INSTANCE" --project "$PROJECT" --zone "$ZONE" \
	--member "serviceAccount:$account" --role "projects/$PROJECT/roles/$role"

verb=create
if gcloud scheduler jobs describe "$job" --project "$PROJECT" --location "$location" >/dev/null 2>&1; then
	verb=update
fi
# To start an instance that runs already is no error. A start that fails is tried again for four hours.
gcloud scheduler jobs "$verb" http "$job" --project "$PROJECT" --location "$location" \
	--schedule "$schedule" --time-zone "$time_zone" --http-method POST \
	--uri "https://compute.googleapis.com/compute/v1/projects/$PROJECT/zones/$ZONE/instances/$INSTANCE/start" \
	--oauth-service-account-email "$account" --oauth-token-scope https://www.googleapis.com/auth/cloud-platform \
	--max-retry-attempts 5 --min-backoff 60s --max-backoff 3600s --max-retry-duration 14400s
