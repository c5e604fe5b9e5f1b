#!/bin/sh
# After the code is there: lets Event Grid call it, or no longer where EVENTS is false. Again: changes nothing.
# (The same as subscribe.ps1.)
set -eu

if [ "${EVENTS:-true}" = false ]; then
  found=$(az eventgrid system-topic event-subscription list --subscription "$AZURE_SUBSCRIPTION_ID" \
    --resource-group "$AZURE_RESOURCE_GROUP" --system-topic-name "$EVENT_TOPIC" --query "[?name=='blob-arrived'].name" --output tsv)
  if [ -n "$found" ]; then
    az eventgrid system-topic event-subscription delete --subscription "$AZURE_SUBSCRIPTION_ID" \
      --resource-group "$AZURE_RESOURCE_GROUP" --system-topic-name "$EVENT_TOPIC" --name blob-arrived --yes
  fi
  exit 0
fi

# A host that has just got its code needs a little until it has made the key and answers Event Grid.
tries=10
until az deployment group create --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
  --name event-subscription --template-file infra/subscription.bicep --output none \
  --parameters "appName=$APP_NAME" "topicName=$EVENT_TOPIC" "hostAccountName=$HOST_ACCOUNT"; do
  tries=$((tries - 1))
  if [ "$tries" -eq 0 ]; then
    echo "No event subscription was made. Files are found all the same, within a minute. Again: azd hooks run postdeploy" >&2
    exit 1
  fi
  echo "The app is not ready for events yet; looking again in 30 seconds ..."
  sleep 30
done
