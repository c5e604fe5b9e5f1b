# After the code is there: lets Event Grid call it, or no longer where EVENTS is false. Again: changes nothing.
# (The same as subscribe.sh.)
$ErrorActionPreference = 'Stop'

$place = @('--subscription', $env:AZURE_SUBSCRIPTION_ID, '--resource-group', $env:AZURE_RESOURCE_GROUP)

if ($env:EVENTS -eq 'false') {
  $found = az eventgrid system-topic event-subscription list @place --system-topic-name $env:EVENT_TOPIC `
    --query "[?name=='blob-arrived'].name" --output tsv
  if ($LASTEXITCODE -ne 0) { exit 1 }
  if ($found) {
    az eventgrid system-topic event-subscription delete @place --system-topic-name $env:EVENT_TOPIC --name blob-arrived --yes
  }
  exit $LASTEXITCODE
}

# A host that has just got its code needs a little until it has made the key and answers Event Grid.
foreach ($try in 1..10) {
  az deployment group create @place --name event-subscription --template-file infra/subscription.bicep --output none `
    --parameters "appName=$env:APP_NAME" "topicName=$env:EVENT_TOPIC" "hostAccountName=$env:HOST_ACCOUNT"
  if ($LASTEXITCODE -eq 0) { exit 0 }
  if ($try -lt 10) {
    Write-Host 'The app is not ready for events yet; looking again in 30 seconds ...'
    Start-Sleep -Seconds 30
  }
}
Write-Host 'No event subscription was made. Files are found all the same, within a minute. Again: azd hooks run postdeploy'
exit 1
