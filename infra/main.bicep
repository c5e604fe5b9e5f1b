// Everything in one resource group of its own. See docs/deploy.md.
targetScope = 'subscription'

@minLength(1)
@maxLength(48)
@description('Names the resource group; all other names derive from it.')
param environmentName string

@description('Region of everything, Azure OpenAI included.')
param location string

@description('Who may drop files and read results besides the app; empty: nobody.')
param principalId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

@description('Model of the batch deployment, which has the same name.')
param model string

param modelVersion string

@allowed(['GlobalBatch', 'DataZoneBatch'])
param batchSku string = 'GlobalBatch'

@minValue(1)
@description('Tokens the deployment may have enqueued, in thousands.')
param batchCapacity int

@description('Whether the service may read and write blobs of the data account itself; docs/transports.md says when it must.')
param openAiUsesStorage bool = false

@description('Whether arriving files raise events to the app. Only after the code is there: the subscription calls it.')
param events bool = false

@minValue(0)
@description('Days after which results and errors are deleted; 0: never.')
param keepDays int = 0

@description('App settings besides those set here, by name; docs/settings.md has all of them.')
param settings object = {}

var tags = { 'azd-env-name': environmentName }
var token = uniqueString(subscription().id, environmentName, location)

resource group 'Microsoft.Resources/resourceGroups@2022-09-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: { location: location, tags: tags, token: token }
}

module data 'data.bicep' = {
  name: 'data'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    appPrincipalId: monitoring.outputs.principalId
    principalId: principalId
    principalType: principalType
    keepDays: keepDays
  }
}

module openai 'openai.bicep' = {
  name: 'openai'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    appPrincipalId: monitoring.outputs.principalId
    dataAccountName: data.outputs.name
    model: model
    modelVersion: modelVersion
    batchSku: batchSku
    batchCapacity: batchCapacity
    usesStorage: openAiUsesStorage
  }
}

module app 'app.bicep' = {
  name: 'app'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    identityId: monitoring.outputs.identityId
    appPrincipalId: monitoring.outputs.principalId
    clientId: monitoring.outputs.clientId
    insightsConnection: monitoring.outputs.insightsConnection
    dataAccountName: data.outputs.name
    openAiEndpoint: openai.outputs.endpoint
    deployment: model
    settings: settings
  }
}

module arrivals 'events.bicep' = {
  name: 'events'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    dataAccountName: data.outputs.name
    hostAccountName: app.outputs.hostAccountName
    appName: app.outputs.name
    subscribe: events
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output APP_NAME string = app.outputs.name
output DATA_ACCOUNT string = data.outputs.name
output AZURE_OPENAI_ENDPOINT string = openai.outputs.endpoint
