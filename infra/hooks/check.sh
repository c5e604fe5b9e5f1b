#!/bin/sh
# Before anything is made: can the subscription for events be made afterwards? (The same as check.ps1.)
set -eu

if [ "${EVENTS:-true}" = false ]; then
  exit 0
fi
if ! command -v az >/dev/null 2>&1; then
  echo "The event subscription is made with the Azure CLI: install it, or do without events (azd env set EVENTS false)." >&2
  exit 1
fi
if ! az account show --subscription "$AZURE_SUBSCRIPTION_ID" --output none; then
  echo "Sign in first: az login" >&2
  exit 1
fi
