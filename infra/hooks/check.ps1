# Before anything is made: can the subscription for events be made afterwards? (The same as check.sh.)
$ErrorActionPreference = 'Stop'

if ($env:EVENTS -eq 'false') { exit 0 }
if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
  Write-Host 'The event subscription is made with the Azure CLI: install it, or do without events (azd env set EVENTS false).'
  exit 1
}
az account show --subscription $env:AZURE_SUBSCRIPTION_ID --output none
if ($LASTEXITCODE -ne 0) {
  Write-Host 'Sign in first: az login'
  exit 1
}
